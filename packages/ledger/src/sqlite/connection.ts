import { existsSync } from 'node:fs'
import type { Clock } from '@farebox/core'
import type { Query } from '../driver.ts'
import { InvalidInputError, LedgerClosedError, LedgerUnavailableError } from '../errors.ts'
import type { MigrationPlan, MigrationReport } from '../migrations.ts'
import type { Operation, Outcome } from '../operations.ts'
import { explained, HandleBusyError, isBusy } from './classify-error.ts'
import type { SqliteDatabase } from './handle.ts'
import { migrateSqlite, planSqlite } from './migrate.ts'
import { isInMemory, openFile } from './open-file.ts'
import { type Applied, RowStore } from './row-store.ts'
import { Turns } from './turns.ts'

export interface ConnectionOptions {
  filename?: string
  database?: SqliteDatabase
  synchronous: 'full' | 'normal'
  busyTimeoutMs: number
  /** What the names of the tables begin with. */
  prefix: string
  clock: Clock
}

/**
 * Memory for pages at most, in KiB, of each of the two connections. With SQLite's own 2 MB, ten thousand accounts in use would be read from
 * the file again and again: their holds took half as long again.
 */
const CACHE_KIB = 32_768

/**
 * Pages in the write-ahead log before SQLite copies them into the file within a COMMIT: where nothing else copies, and where a
 * thread does, in case it falls behind. A batch of 64 charges touches some 600 pages, most of them again with the next one, so SQLite's own
 * 1,000 would copy the same pages at every other commit.
 */
const CHECKPOINT_PAGES = 8_000
const CHECKPOINT_PAGES_BEHIND = 32_000

/** What one transaction did, and how long it held the file. */
export interface Written extends Applied {
  tookMs: number
}

/** One connection to a SQLite file, or the host's own. Waits without blocking while another process writes. */
export class SqliteConnection {
  readonly #options: ConnectionOptions
  readonly #rows: RowStore
  #database: Promise<SqliteDatabase> | undefined
  #handle: SqliteDatabase | undefined
  readonly #turns = new Turns()
  #closed = false

  constructor(options: ConnectionOptions) {
    this.#options = options
    this.#rows = new RowStore(options.clock, options.prefix)
  }

  async migrate(options: { views: boolean }): Promise<MigrationReport> {
    const database = await this.open()
    return this.#whenFree(() => migrateSqlite(database, this.#options.clock(), { ...options, prefix: this.#options.prefix }))
  }

  /** Says what {@link migrate} would do, and changes nothing. */
  async planMigration(options: { views: boolean }): Promise<MigrationPlan> {
    const { filename = '', database, prefix } = this.#options
    const plan = (handle?: SqliteDatabase) => planSqlite(handle, { ...options, prefix })
    if (database ?? isInMemory(filename)) {
      const known = await this.open()
      return this.#whenFree(() => plan(known))
    }
    if (!existsSync(filename)) return plan()
    // Not by the ledger's own connection, which would turn the file's journal into a write-ahead log.
    const visitor = await openFile(filename)
    try {
      return await this.#whenFree(() => plan(visitor))
    } finally {
      visitor.close()
    }
  }

  /** Applies operations in a transaction of their own. */
  async commit(operations: readonly Operation[]): Promise<Written> {
    const database = this.#handle ?? (await this.open())
    if (this.#turns.isOthers()) await pause(1)
    return this.#whenFree(() => {
      const started = performance.now()
      if (database.inTransaction) throw new HandleBusyError("the host's transaction on this database has not ended")
      this.#rows.run(database, 'BEGIN IMMEDIATE')
      try {
        const version = this.#rows.dataVersion(database)
        const applied = this.#rows.apply(database, operations)
        this.#rows.run(database, 'COMMIT')
        this.#turns.wrote(version)
        return { ...applied, tookMs: performance.now() - started }
      } catch (error) {
        if (database.inTransaction) this.#rows.run(database, 'ROLLBACK')
        throw error
      }
    })
  }

  /** Says that the driver's other connection has written meanwhile, which is no other process that waits for its turn. */
  ignoreOwnWrites(): void {
    this.#turns.forget()
  }

  /** Applies operations in a transaction that the host has begun on its handle. */
  join(database: SqliteDatabase, operations: readonly Operation[]): Outcome[] {
    if (!database.inTransaction) throw new InvalidInputError('transaction', 'must be a database on which the host has begun one')
    this.#rows.run(database, 'SAVEPOINT farebox')
    try {
      const { outcomes } = this.#rows.apply(database, operations)
      this.#rows.run(database, 'RELEASE farebox')
      return outcomes
    } catch (error) {
      // All of it or nothing, also where the host goes on after the error. SQLite may have rolled the whole transaction back.
      if (database.inTransaction) database.exec('ROLLBACK TO farebox; RELEASE farebox')
      throw explained(error)
    }
  }

  /** Answers queries as of one moment. */
  async select(queries: readonly Query[]): Promise<Record<string, unknown>[][]> {
    const database = await this.open()
    return this.#whenFree(() => {
      const read = () => queries.map((query) => this.#rows.select(database, query))
      // A single statement needs no transaction, and within one of the host's on the same handle, that is the moment.
      if (queries.length === 1 || database.inTransaction) return read()
      this.#rows.run(database, 'BEGIN')
      try {
        return read()
      } finally {
        this.#rows.run(database, 'ROLLBACK')
      }
    })
  }

  /** Runs one statement that changes rows which no account owns. Within a transaction of the host's on the same handle it is part of that. */
  async write(statement: Pick<Query, 'text' | 'values'>): Promise<void> {
    const database = await this.open()
    return this.#whenFree(() => this.#rows.write(database, statement))
  }

  /** Lets SQLite copy its write-ahead log into the file by itself, because nobody else does. */
  copyLogItself(): void {
    if (this.#handle?.open) this.#handle.pragma(`wal_autocheckpoint = ${CHECKPOINT_PAGES}`)
  }

  open(): Promise<SqliteDatabase> {
    if (this.#closed) return Promise.reject(new LedgerClosedError('the ledger is closed'))
    this.#database ??= this.#openNow().catch((error: unknown) => {
      this.#database = undefined
      throw error
    })
    return this.#database
  }

  /** Closes what was opened here, and not the host's handle. */
  async close(): Promise<void> {
    this.#closed = true
    const database = await this.#database?.catch(() => undefined)
    this.#rows.forget()
    if (database && this.#options.database === undefined && database.open) database.close()
  }

  async #openNow(): Promise<SqliteDatabase> {
    const database = this.#options.database ?? (await openFile(this.#options.filename ?? ''))
    if (this.#options.database === undefined) {
      try {
        await this.#whenFree(() => {
          database.pragma('journal_mode = WAL')
          database.pragma(`synchronous = ${this.#options.synchronous}`)
          database.pragma(`wal_autocheckpoint = ${CHECKPOINT_PAGES_BEHIND}`)
          database.pragma(`cache_size = -${CACHE_KIB}`)
          database.pragma('temp_store = MEMORY')
        })
      } catch (error) {
        database.close()
        throw error
      }
    }
    this.#handle = database
    return database
  }

  /**
   * Runs `work`, and again while another process holds the file. SQLite's own waiting would block the thread, and sleeps so long that
   * one of two processes waits for most of a second; to ask again every millisecond, between turns, does neither.
   */
  async #whenFree<Result>(work: () => Result): Promise<Result> {
    const deadline = performance.now() + this.#options.busyTimeoutMs
    for (let tries = 0; ; tries++) {
      if (this.#closed) throw new LedgerClosedError('the ledger is closed')
      try {
        return work()
      } catch (error) {
        if (!isBusy(error)) throw explained(error)
        if (performance.now() > deadline) {
          throw new LedgerUnavailableError(`another process kept the database file for ${this.#options.busyTimeoutMs} ms`, error)
        }
      }
      // Many processes that have waited for long must not spend their time asking.
      await pause(Math.min(1 + Math.floor(tries / 64), 8))
    }
  }
}

function pause(ms: number): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, ms))
}
