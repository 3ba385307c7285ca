import { existsSync } from 'node:fs'
import type { Clock } from '@farebox/core'
import type { Query } from '../driver.ts'
import { InvalidInputError, LedgerClosedError, LedgerUnavailableError } from '../errors.ts'
import type { MigrationPlan, MigrationReport } from '../migrations.ts'
import type { Operation, Outcome } from '../operations.ts'
import { explained, HandleBusyError, isBusy, isHandleBusy } from './classify-error.ts'
import type { SqliteDatabase } from './handle.ts'
import { LogFlusher } from './log-flusher.ts'
import { migrateSqlite, planSqlite } from './migrate.ts'
import { isInMemory, openFile } from './open-file.ts'
import { OpenedFiles } from './opened-files.ts'
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

/** What one transaction did, and how long it held the file and the thread. */
export interface Written extends Applied {
  tookMs: number
}

/** One connection to a SQLite file, or the host's own. Waits without blocking while another process writes. */
export class SqliteConnection {
  readonly #options: ConnectionOptions
  readonly #rows: RowStore
  #database: Promise<SqliteDatabase> | undefined
  #handle: SqliteDatabase | undefined
  /** Absent where commits are durable by themselves, or need not be. */
  #flusher: LogFlusher | undefined
  /** Absent where the host opened them, or there are none. */
  #files: OpenedFiles | undefined
  readonly #turns = new Turns()
  #closed = false

  constructor(options: ConnectionOptions) {
    this.#options = options
    this.#rows = new RowStore(options.clock, options.prefix)
  }

  async migrate(options: { views: boolean }): Promise<MigrationReport> {
    const database = await this.open()
    const migrate = () => {
      this.#checkDisk()
      return migrateSqlite(database, this.#options.clock(), { ...options, prefix: this.#options.prefix })
    }
    const report = await this.#whenFree(migrate)
    await this.flush()
    return report
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

  /** Applies operations in a transaction of their own, which is not durable before {@link flush}. */
  async commit(operations: readonly Operation[]): Promise<Written> {
    const database = this.#handle ?? (await this.open())
    if (this.#turns.isOthers()) await pause(1)
    return this.#whenFree(() => {
      const started = performance.now()
      if (database.inTransaction) throw new HandleBusyError("the host's transaction on this database has not ended")
      this.#checkDisk()
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

  /**
   * Makes all that was committed before durable.
   *
   * @throws {LedgerUnavailableError} the disk failed: whether it will be there after a power cut is unknown
   */
  async flush(): Promise<void> {
    await this.#flusher?.flush()
  }

  /** The same, while the thread waits. */
  flushNow(): void {
    this.#flusher?.flushNow()
  }

  /** Whether the thread would not wait for long. */
  get isFlushBrief(): boolean {
    return this.#flusher?.isBrief ?? true
  }

  /** Applies operations in a transaction that the host has begun on its handle. */
  join(database: SqliteDatabase, operations: readonly Operation[]): Outcome[] {
    if (!database.inTransaction) throw new InvalidInputError('transaction', 'must be a database on which the host has begun one')
    try {
      this.#rows.run(database, 'SAVEPOINT farebox')
    } catch (error) {
      throw explained(error)
    }
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
    await this.#whenFree(() => {
      this.#checkDisk()
      this.#rows.write(database, statement)
    })
    // Within the host's transaction it is durable with that.
    if (!database.inTransaction) await this.flush()
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
    await this.#flusher?.close()
    if (database && this.#options.database === undefined && database.open) database.close()
  }

  async #openNow(): Promise<SqliteDatabase> {
    const database = this.#options.database ?? (await openFile(this.#options.filename ?? ''))
    if (this.#options.database === undefined) {
      try {
        await this.#whenFree(() => {
          const [{ journal_mode: journal }] = database.pragma('journal_mode = WAL') as [{ journal_mode: string }]
          const [{ file }] = database.pragma('database_list') as [{ file: string }]
          // SQLite then flushes its log before it copies it, and no more: the rest is ours. Some file systems can have no log.
          const isOurs = this.#options.synchronous === 'full' && journal === 'wal' && file !== ''
          if (isOurs) this.#flusher = new LogFlusher(`${file}-wal`, () => isCopied(database))
          database.pragma(`synchronous = ${isOurs ? 'normal' : this.#options.synchronous}`)
          database.pragma(`wal_autocheckpoint = ${CHECKPOINT_PAGES_BEHIND}`)
          database.pragma(`cache_size = -${CACHE_KIB}`)
          database.pragma('temp_store = MEMORY')
          // SQLite opens its log when it first reads, and keeps it open.
          database.pragma('schema_version')
          this.#flusher?.open()
          if (file !== '') this.#files = new OpenedFiles(journal === 'wal' ? [file, `${file}-wal`] : [file])
        })
      } catch (error) {
        database.close()
        throw error
      }
    }
    this.#handle = database
    return database
  }

  /** @throws {LedgerUnavailableError} what would be written now would not be kept */
  #checkDisk(): void {
    this.#files?.check()
    this.#flusher?.check()
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
          const who = isHandleBusy(error) ? 'the host kept its database' : 'another process kept the database file'
          throw new LedgerUnavailableError(`${who} for ${this.#options.busyTimeoutMs} ms`, error)
        }
      }
      // Many processes that have waited for long must not spend their time asking.
      await pause(Math.min(1 + Math.floor(tries / 64), 8))
    }
  }
}

/** Copies the whole write-ahead log into the file, which is flushed, and begins it anew. */
function isCopied(database: SqliteDatabase): boolean {
  try {
    const [{ busy }] = database.pragma('wal_checkpoint(TRUNCATE)') as [{ busy: number }]
    return busy === 0
  } catch {
    return false
  }
}

function pause(ms: number): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, ms))
}
