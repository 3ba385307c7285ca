import { accessSync, constants, existsSync } from 'node:fs'
import { setImmediate } from 'node:timers/promises'
import type { Clock } from '@farebox/core'
import { type Query, ROWS_OF_PAGE, type Snapshot } from '../driver.ts'
import { InvalidInputError, LedgerClosedError, LedgerUnavailableError } from '../errors.ts'
import type { MigrationPlan, MigrationReport } from '../migrations.ts'
import type { Operation, Outcome } from '../operations.ts'
import { codeOf, explained, HandleBusyError, isBusy, isHandleBusy, isOutOfRoom } from './classify-error.ts'
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
  /** Prefix of the table names. */
  prefix: string
  clock: Clock
}

/**
 * Page cache of each of the two connections, in KiB. SQLite's default of 2 MB would reread ten thousand active accounts from the
 * file again and again, which made their holds half as slow again.
 */
const CACHE_KIB = 32_768

/**
 * How many pages the write-ahead log holds before SQLite copies them into the file within a COMMIT: without a copying thread, and
 * with one, in case that thread falls behind. A batch of 64 charges touches some 600 pages, and the next batch mostly the same
 * ones, so SQLite's default of 1,000 would copy the same pages at every other commit.
 */
const CHECKPOINT_PAGES = 8_000
const CHECKPOINT_PAGES_BEHIND = 32_000
/** The size to which a restarted log is cut: a long read, such as a backup, lets it grow, and the disk would never get that back. */
const LOG_BYTES_KEPT = 64 * 1024 * 1024

/** How often to try to copy the log where a write found no room, and it could not be copied: a long one takes a while, and the thread. */
const MAKE_ROOM_EVERY_MS = 1_000

/** What the transaction of a batch did, and how long it occupied the file and the thread. */
export interface Written {
  outcomes: Outcome[]
  /** How many rows were written, also by the transactions that had to come before. */
  rows: number
  tookMs: number
}

/** One connection to a SQLite file, or the host's own. While another process writes, it waits without blocking. */
export class SqliteConnection {
  readonly #options: ConnectionOptions
  readonly #rows: RowStore
  #database: Promise<SqliteDatabase> | undefined
  #handle: SqliteDatabase | undefined
  /** Absent when commits are durable by themselves, or need not be. */
  #flusher: LogFlusher | undefined
  /** Absent when the host opened the database, or it has no files. */
  #files: OpenedFiles | undefined
  /** Where the file is. Absent when the host opened the database, or it has no file. */
  #file: string | undefined
  /** Whether this process might only read the file when it was opened. SQLite then never tries to write it. */
  #isReadOnly = false
  /** When room may be made again, on the monotonic clock. */
  #nextRoomAt = 0
  readonly #turns = new Turns()
  /** What reads a snapshot. */
  readonly #lent = new Set<Promise<unknown>>()
  #closed = false

  constructor(options: ConnectionOptions) {
    this.#options = options
    this.#rows = new RowStore(options.clock, options.prefix)
  }

  async migrate(options: { views: boolean }): Promise<MigrationReport> {
    const database = await this.#openToWrite()
    const migrate = () => {
      this.#checkDisk()
      return migrateSqlite(database, this.#options.clock(), { ...options, prefix: this.#options.prefix })
    }
    const report = await this.#whenFree(migrate)
    // A process that only reads finds a file that others have migrated.
    if (!this.#isReadOnly) await this.flush()
    return report
  }

  /** Reports what {@link migrate} would do, and changes nothing. */
  async planMigration(options: { views: boolean }): Promise<MigrationPlan> {
    const { filename = '', database, prefix } = this.#options
    const plan = (handle?: SqliteDatabase) => planSqlite(handle, { ...options, prefix })
    if (database ?? isInMemory(filename)) {
      const known = await this.open()
      return this.#whenFree(() => plan(known))
    }
    if (!existsSync(filename)) return plan()
    // The ledger's own connection would switch the file's journal to a write-ahead log.
    const visitor = await openFile(filename)
    try {
      return await this.#whenFree(() => plan(visitor))
    } finally {
      visitor.close()
    }
  }

  /**
   * Applies operations in a transaction of their own. Where more is due on their accounts than one should apply, others come before
   * it, with a turn of the event loop after each. All of it is durable only after {@link flush}.
   */
  async commit(operations: readonly Operation[]): Promise<Written> {
    for (let before = 0; ; await setImmediate()) {
      const { outcomes, rows, tookMs } = await this.#commitOnce(operations)
      before += rows
      if (outcomes) return { outcomes, rows: before, tookMs }
    }
  }

  async #commitOnce(operations: readonly Operation[]): Promise<Applied & { tookMs: number }> {
    const database = (!this.#isReadOnly && this.#handle) || (await this.#openToWrite())
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
   * Makes all earlier commits durable.
   *
   * @throws {LedgerUnavailableError} the disk failed: it is unknown whether the commits would survive a power cut
   */
  async flush(): Promise<void> {
    await this.#flusher?.flush()
  }

  /** Like {@link flush}, but blocks the thread. */
  flushNow(): void {
    this.#flusher?.flushNow()
  }

  /** Whether {@link flushNow} is expected to be short. */
  get isFlushBrief(): boolean {
    return this.#flusher?.isBrief ?? true
  }

  /** Applies operations in a transaction that the host has begun on its own handle. */
  join(database: SqliteDatabase, operations: readonly Operation[]): Outcome[] {
    if (!database.inTransaction) throw new InvalidInputError('transaction', 'must be a database on which the host has begun one')
    try {
      this.#rows.run(database, 'SAVEPOINT farebox')
    } catch (error) {
      throw explained(error)
    }
    try {
      let outcomes: Outcome[] | undefined
      while (!outcomes) ({ outcomes } = this.#rows.apply(database, operations))
      this.#rows.run(database, 'RELEASE farebox')
      return outcomes
    } catch (error) {
      // All or nothing, even if the host carries on after the error. SQLite may already have rolled back the whole transaction.
      if (database.inTransaction) database.exec('ROLLBACK TO farebox; RELEASE farebox')
      throw explained(error)
    }
  }

  /** Answers all queries from one snapshot. */
  async select(queries: readonly Query[]): Promise<Record<string, unknown>[][]> {
    const database = await this.open()
    return this.#whenFree(() => {
      const read = () => queries.map((query) => this.#rows.select(database, query))
      // A single statement needs no transaction, and a host transaction on the same handle already fixes the snapshot.
      if (queries.length === 1 || database.inTransaction) return read()
      this.#rows.run(database, 'BEGIN')
      try {
        return read()
      } finally {
        this.#rows.run(database, 'ROLLBACK')
      }
    })
  }

  /**
   * Lends `work` the database as of one moment, on a connection of its own. The write-ahead log keeps whatever is written meanwhile.
   * Without such a log, a reader would stop all writers, and a host may keep its file to itself: `work` gets a copy then.
   */
  async snapshot<Result>(work: (snapshot: Snapshot) => Promise<Result>): Promise<Result> {
    const database = await this.open()
    const reader = await this.#reader(database)
    const rows = new RowStore(this.#options.clock, this.#options.prefix)
    const working = work({ pages: (query) => this.#pages(reader, rows, query) }).finally(() => reader.close())
    this.#lent.add(working)
    try {
      return await working
    } finally {
      this.#lent.delete(working)
    }
  }

  async #reader(database: SqliteDatabase): Promise<SqliteDatabase> {
    const source = await this.#whenFree(() => {
      this.#checkDisk()
      return sharedFileOf(database) ?? copyOf(database)
    })
    const reader = await openFile(source, { fileMustExist: true })
    try {
      reader.pragma('query_only = ON')
      reader.exec('BEGIN')
      await this.#whenFree(() => {
        // The first read of a transaction fixes what the others see.
        reader.pragma('schema_version')
      })
      return reader
    } catch (error) {
      reader.close()
      throw error
    }
  }

  async *#pages(reader: SqliteDatabase, rows: RowStore, query: Query): AsyncGenerator<Record<string, unknown>[]> {
    let page: Record<string, unknown>[] = []
    try {
      for (const row of rows.iterate(reader, query)) {
        page.push(row)
        if (page.length < ROWS_OF_PAGE) continue
        yield page
        page = []
        await setImmediate()
        if (this.#closed) throw new LedgerClosedError('the ledger is closed')
      }
    } catch (error) {
      throw explained(error)
    }
    yield page
  }

  /** Runs one statement that changes rows on which no other row depends. It joins a host transaction that is open on the same handle. */
  async write(statement: Pick<Query, 'text' | 'values'>): Promise<void> {
    const database = await this.#openToWrite()
    await this.#whenFree(() => {
      this.#checkDisk()
      this.#rows.write(database, statement)
    })
    // Inside a host transaction, it becomes durable with that.
    if (!database.inTransaction) await this.flush()
  }

  /** Lets SQLite copy its write-ahead log into the file by itself, because nothing else does. */
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

  /** Closes what this connection opened, but never the host's handle. */
  async close(): Promise<void> {
    this.#closed = true
    const database = await this.#database?.catch(() => undefined)
    await Promise.allSettled(this.#lent)
    this.#rows.forget()
    await this.#flusher?.close()
    if (database && this.#options.database === undefined && database.open) database.close()
  }

  /** Opens the file anew if it has become one that this process may write. */
  #openToWrite(): Promise<SqliteDatabase> {
    const readOnly = this.#handle
    if (readOnly && this.#isReadOnly && !this.#closed && unwritable(this.#file).length === 0) {
      this.#isReadOnly = false
      this.#handle = undefined
      this.#database = undefined
      this.#rows.forget()
      void this.#flusher?.close()
      readOnly.close()
    }
    return this.open()
  }

  async #openNow(): Promise<SqliteDatabase> {
    const database = this.#options.database ?? (await openFile(this.#options.filename ?? ''))
    if (this.#options.database === undefined) {
      try {
        await this.#whenFree(() => {
          database.pragma('journal_mode = WAL')
          const { journal, file } = placeOf(database)
          // `normal` flushes the log only before copying it. The flusher does the rest. Some file systems allow no log.
          const isOurs = this.#options.synchronous === 'full' && journal === 'wal' && file !== '' && mayFlush()
          if (isOurs) this.#flusher = new LogFlusher(`${file}-wal`, () => isCopied(database))
          database.pragma(`synchronous = ${isOurs ? 'normal' : this.#options.synchronous}`)
          database.pragma(`wal_autocheckpoint = ${CHECKPOINT_PAGES_BEHIND}`)
          database.pragma(`journal_size_limit = ${LOG_BYTES_KEPT}`)
          database.pragma(`cache_size = -${CACHE_KIB}`)
          database.pragma('temp_store = MEMORY')
          // The first read makes SQLite open its log, which then stays open.
          database.pragma('schema_version')
          this.#flusher?.open()
          if (file !== '') this.#file = file
          this.#isReadOnly = unwritable(this.#file).length > 0
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

  /** @throws {LedgerUnavailableError} a write made now would be lost */
  #checkDisk(): void {
    this.#files?.check()
    this.#flusher?.check()
  }

  /**
   * Gives back the room that the write-ahead log takes, if all of it can be copied into the file. What copies the log otherwise waits
   * for further writes, which would never succeed again: a backup may have let the log grow to all that the disk had.
   */
  #madeRoom(): boolean {
    const handle = this.#handle
    if (this.#file === undefined || !handle?.open || handle.inTransaction) return false
    if (performance.now() < this.#nextRoomAt) return false
    if (isCopied(handle)) return true
    this.#nextRoomAt = performance.now() + MAKE_ROOM_EVERY_MS
    return false
  }

  #explained(error: unknown): unknown {
    const barred = codeOf(error) === 'SQLITE_READONLY' ? unwritable(this.#file) : []
    if (barred.length === 0) return explained(error)
    return new LedgerUnavailableError(`this process may not write ${barred.join(', ')}`, error)
  }

  /**
   * Runs `work`, and retries while another process holds the file. SQLite's busy handler would block the thread, and sleeps so
   * long that one of two processes can wait for most of a second. A retry every millisecond from the event loop does neither.
   */
  async #whenFree<Result>(work: () => Result): Promise<Result> {
    const deadline = performance.now() + this.#options.busyTimeoutMs
    let hasMadeRoom = false
    for (let tries = 0; ; tries++) {
      if (this.#closed) throw new LedgerClosedError('the ledger is closed')
      try {
        return work()
      } catch (error) {
        if (isOutOfRoom(error) && !hasMadeRoom && this.#madeRoom()) {
          hasMadeRoom = true
          continue
        }
        if (!isBusy(error)) throw this.#explained(error)
        if (performance.now() > deadline) {
          const who = isHandleBusy(error) ? 'the host kept its database' : 'another process kept the database file'
          throw new LedgerUnavailableError(`${who} for ${this.#options.busyTimeoutMs} ms`, error)
        }
      }
      // Back off, so that many waiting processes do not spend their time polling.
      await pause(Math.min(1 + Math.floor(tries / 64), 8))
    }
  }
}

/** Copies the whole write-ahead log into the file, flushes the file and truncates the log. Returns whether that succeeded. */
function isCopied(database: SqliteDatabase): boolean {
  try {
    const [{ busy }] = database.pragma('wal_checkpoint(TRUNCATE)') as [{ busy: number }]
    return busy === 0
  } catch {
    return false
  }
}

/** Those of a database's files that this process may not write. */
function unwritable(filename: string | undefined): string[] {
  const files = filename === undefined ? [] : [filename, `${filename}-wal`, `${filename}-shm`]
  return files.filter((file) => {
    try {
      accessSync(file, constants.W_OK)
      return false
    } catch {
      return existsSync(file)
    }
  })
}

function pause(ms: number): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, ms))
}

/** Node's permission model lets nobody flush files. SQLite flushes within each COMMIT then. */
function mayFlush(): boolean {
  return process.permission === undefined
}

/** How a database writes, and the file that it is in: none for one in memory. */
function placeOf(database: SqliteDatabase): { journal: string; file: string } {
  const [{ journal_mode: journal }] = database.pragma('journal_mode') as [{ journal_mode: string }]
  const [{ file }] = database.pragma('database_list') as [{ file: string }]
  return { journal, file }
}

/** The file of a database that another connection can read while it is written to, if it has one. */
function sharedFileOf(database: SqliteDatabase): string | undefined {
  const { journal, file } = placeOf(database)
  const [{ locking_mode: locking }] = database.pragma('locking_mode') as [{ locking_mode: string }]
  return journal === 'wal' && locking === 'normal' ? file : undefined
}

/** Where the header of a database file says that it has a write-ahead log, and what it says where there is none. */
const LOG_FLAGS = [18, 19] as const
const NO_LOG = 1

/** A copy of the whole database, with what an open transaction of the host has changed in it. */
function copyOf(database: SqliteDatabase): Buffer {
  const isOurs = !database.inTransaction
  if (isOurs) database.exec('BEGIN')
  try {
    // Takes the lock, or tells who has it: `serialize` takes that for a lack of memory.
    database.pragma('schema_version')
    const copy = database.serialize()
    // There is no such log in memory.
    for (const at of LOG_FLAGS) copy[at] = NO_LOG
    return copy
  } finally {
    if (isOurs && database.inTransaction) database.exec('ROLLBACK')
  }
}
