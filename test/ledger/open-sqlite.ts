import { rmSync } from 'node:fs'
import { join } from 'node:path'
import type { LedgerUnderTest, OpenLedger } from '@farebox/ledger/conformance'
import { type SqliteWriter, sqlite } from '@farebox/ledger/sqlite'
import Database from 'better-sqlite3'
import { databaseFolder } from '../support/database-folder.ts'

/** A SQLite ledger in a file of its own, with a host and an operator on connections of their own. */
export const openSqlite: OpenLedger = (options) => openSqliteWith('event loop', options)

/** The same, with its changes written on a thread of their own from the first. */
export const openSqliteThread: OpenLedger = (options) => openSqliteWith('thread', options)

async function openSqliteWith(writer: SqliteWriter, { clock }: Parameters<OpenLedger>[0]): Promise<LedgerUnderTest> {
  const folder = databaseFolder('ledger')
  const filename = join(folder, 'credits.db')
  const driver = sqlite({ filename, clock, writer })
  const connect = () => new Database(filename, { timeout: 5_000 })
  return {
    driver,
    async sql(text) {
      const database = connect()
      try {
        const statement = database.prepare<[], Record<string, unknown>>(text)
        if (statement.reader) return statement.all()
        statement.run()
        return []
      } finally {
        database.close()
      }
    },
    async begin() {
      const database = connect()
      const end = (how: string) => {
        database.exec(how)
        database.close()
      }
      database.exec('BEGIN IMMEDIATE')
      return {
        handle: database,
        sql: async (text) => void database.exec(text),
        commit: async () => end('COMMIT'),
        rollback: async () => end('ROLLBACK'),
      }
    },
    async cleanup() {
      await driver.close()
      rmSync(folder, { recursive: true, force: true })
    },
  }
}
