import { Ledger } from '@farebox/ledger'
import { postgres } from '@farebox/ledger/postgres'
import { sqlite } from '@farebox/ledger/sqlite'
import Database from 'better-sqlite3'
import pg from 'pg'

/** A transaction of the app, open until its work ends. */
export interface AppTransaction {
  /** Pass this to any verb of the ledger as `{ transaction }`. */
  handle: unknown
  insertOrder(accountId: string, orderId: string, title: string): Promise<void>
}

/** The app's database, with the ledger's tables beside its own. */
export interface AppDatabase {
  ledger: Ledger<unknown>
  migrate(): Promise<void>
  /** Commits what `work` did, or rolls all of it back if it throws. */
  transaction<Result>(work: (transaction: AppTransaction) => Promise<Result>): Promise<Result>
  orders(accountId: string): Promise<string[]>
  close(): Promise<void>
}

/** The ledger shares the app's pool. A transaction is a client of that pool. */
export async function openPostgres(connectionString: string): Promise<AppDatabase> {
  const schema = 'farebox_host_example'
  const pool = new pg.Pool({ connectionString })
  const ledger = new Ledger<unknown>(postgres({ pool, schema }))
  return {
    ledger,
    async migrate() {
      await ledger.migrate()
      await pool.query(
        `CREATE TABLE IF NOT EXISTS ${schema}.orders (account_id TEXT, id TEXT, title TEXT, PRIMARY KEY (account_id, id))`,
      )
    },
    async transaction(work) {
      const client = await pool.connect()
      try {
        await client.query('BEGIN')
        const insert = `INSERT INTO ${schema}.orders VALUES ($1, $2, $3) ON CONFLICT DO NOTHING`
        const result = await work({
          handle: client,
          insertOrder: async (...order) => void (await client.query(insert, order)),
        })
        await client.query('COMMIT')
        return result
      } catch (error) {
        await client.query('ROLLBACK')
        throw error
      } finally {
        client.release()
      }
    },
    async orders(accountId) {
      const select = `SELECT title FROM ${schema}.orders WHERE account_id = $1 ORDER BY title`
      return (await pool.query<{ title: string }>(select, [accountId])).rows.map(({ title }) => title)
    },
    async close() {
      await ledger.close()
      await pool.end()
    },
  }
}

/**
 * The ledger shares the app's database handle. A transaction is the handle itself, while one is open on it. A handle has only one
 * open transaction, so transactions take turns, and the ledger's own work waits for its turn too.
 */
export function openSqlite(): AppDatabase {
  const database = new Database(':memory:')
  const ledger = new Ledger<unknown>(sqlite({ database }))
  let turn: Promise<unknown> = Promise.resolve()
  return {
    ledger,
    async migrate() {
      await ledger.migrate()
      database.exec('CREATE TABLE orders (account_id TEXT, id TEXT, title TEXT, PRIMARY KEY (account_id, id)) STRICT')
    },
    transaction(work) {
      const insert = database.prepare('INSERT INTO orders VALUES (?, ?, ?) ON CONFLICT DO NOTHING')
      const mine = turn.then(async () => {
        database.exec('BEGIN IMMEDIATE')
        try {
          const result = await work({ handle: database, insertOrder: async (...order) => void insert.run(order) })
          database.exec('COMMIT')
          return result
        } catch (error) {
          database.exec('ROLLBACK')
          throw error
        }
      })
      turn = mine.catch(() => undefined)
      return mine
    },
    async orders(accountId) {
      const select = database.prepare<[string], { title: string }>('SELECT title FROM orders WHERE account_id = ? ORDER BY title')
      return select.all(accountId).map(({ title }) => title)
    },
    async close() {
      await ledger.close()
      database.close()
    },
  }
}
