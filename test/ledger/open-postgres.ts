import type { LedgerUnderTest, OpenLedger } from '@farebox/ledger/conformance'
import { postgres } from '@farebox/ledger/postgres'
import pg from 'pg'
import { createTestDatabase } from '../support/postgres.ts'

/** A Postgres ledger in a database of its own, with a host and an operator on connections of their own. */
export const openPostgres: OpenLedger = async ({ clock }): Promise<LedgerUnderTest> => {
  const database = await createTestDatabase()
  const driver = postgres({ connectionString: database.url, clock })
  const pool = new pg.Pool({ connectionString: database.url, max: 2 })
  return {
    driver,
    sql: async (text) => (await pool.query<Record<string, unknown>>(text)).rows,
    async begin() {
      const client = await pool.connect()
      const end = async (how: string) => {
        await client.query(how)
        client.release()
      }
      await client.query('BEGIN')
      return {
        handle: client,
        sql: async (text) => void (await client.query(text)),
        commit: () => end('COMMIT'),
        rollback: () => end('ROLLBACK'),
      }
    },
    async cleanup() {
      await driver.close()
      await pool.end()
      await database.drop()
    },
  }
}
