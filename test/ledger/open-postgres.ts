import type { LedgerUnderTest, OpenLedger } from '@farebox/ledger/conformance'
import { type PostgresOptions, postgres } from '@farebox/ledger/postgres'
import pg from 'pg'
import { createTestDatabase } from '../support/postgres.ts'

/** A Postgres ledger in a database of its own, with a host and an operator on connections of their own. */
export const openPostgres: OpenLedger = (options) => openPostgresBy(options)

interface Ways extends Omit<PostgresOptions, 'pool' | 'connectionString'> {
  /** Starts something that stands before the server, such as a pooler. */
  start?: (url: string) => Promise<{ url: string; stop(): Promise<void> }>
  /** What the driver's connections are made by. @defaultValue a pool of the driver's own */
  client?: typeof pg.Client
}

/** The same in other ways. */
export async function openPostgresBy(
  { clock }: Parameters<OpenLedger>[0],
  { start, client, ...options }: Ways = {},
): Promise<LedgerUnderTest> {
  const database = await createTestDatabase()
  const between = await start?.(database.url)
  const connectionString = between?.url ?? database.url
  const its = client && new pg.Pool({ connectionString, max: options.poolSize ?? 4, Client: client } as pg.PoolConfig)
  const driver = postgres({ ...(its ? { pool: its } : { connectionString }), clock, ...options })
  const pool = new pg.Pool({ connectionString, max: 2 })
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
      await its?.end()
      await pool.end()
      await between?.stop()
      await database.drop()
    },
  }
}
