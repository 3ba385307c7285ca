import { rm } from 'node:fs/promises'
import { join } from 'node:path'
import { credits } from '@farebox/core'
import { Ledger, type LedgerDriver } from '@farebox/ledger'
import { postgres } from '@farebox/ledger/postgres'
import { sqlite } from '@farebox/ledger/sqlite'
import Database from 'better-sqlite3'
import pg from 'pg'
import { describe, expect, test } from 'vitest'
import { databaseFolder } from '../support/database-folder.ts'
import { createTestDatabase } from '../support/postgres.ts'

interface HostDatabase {
  /** A driver on the host's own handle or pool. */
  driver(options: { views: boolean }): LedgerDriver
  /** How many users of its own the host has. */
  users(): Promise<unknown>
  dropUsers(): Promise<unknown>
  drop(): Promise<void>
}

async function sqliteHost(): Promise<HostDatabase> {
  const folder = databaseFolder('host')
  const database = new Database(join(folder, 'app.db'))
  database.exec("CREATE TABLE users (id TEXT); INSERT INTO users VALUES ('ada')")
  return {
    driver: (options) => sqlite({ database, ...options }),
    dropUsers: async () => database.exec('DROP TABLE users'),
    users: async () => database.prepare('SELECT id FROM users').all(),
    async drop() {
      database.close()
      await rm(folder, { recursive: true })
    },
  }
}

async function postgresHost(): Promise<HostDatabase> {
  const { url, drop } = await createTestDatabase()
  const pool = new pg.Pool({ connectionString: url, max: 2 })
  await pool.query("CREATE TABLE users (id TEXT); INSERT INTO users VALUES ('ada')")
  return {
    driver: (options) => postgres({ pool, ...options }),
    dropUsers: () => pool.query('DROP TABLE users'),
    users: async () => (await pool.query('SELECT id FROM users')).rows,
    async drop() {
      await pool.end()
      await drop()
    },
  }
}

describe.each([
  ['SQLite', sqliteHost],
  ['Postgres', postgresHost],
])('in a host database on %s that has a users table of its own', (_, open) => {
  test('a ledger without views migrates, works, and leaves the host its table; the views can come later', async () => {
    const host = await open()
    try {
      const ledger = new Ledger(host.driver({ views: false }))
      expect((await ledger.migrate()).applied).toEqual(['ledger', 'rollup_carries', 'budgets_by_spender', 'newest_events'])
      expect((await ledger.migrate()).applied).toEqual([])
      const { accountId } = await ledger.openAccount({ name: 'Ada' })
      await ledger.grant({ accountId, amount: credits(5) })
      expect((await ledger.balance(accountId)).balance).toBe(credits(5))
      expect(await host.users()).toEqual([{ id: 'ada' }])
      await ledger.close()

      const withViews = new Ledger(host.driver({ views: true }))
      await expect(withViews.migrate()).rejects.toMatchObject({ code: 'SCHEMA_VERSION' })
      await host.dropUsers()
      expect(await withViews.migrate()).toEqual({ applied: ['views'], version: 5 })
      expect(await host.users()).toEqual([{ id: accountId }])
      await withViews.close()
    } finally {
      await host.drop()
    }
  })
})
