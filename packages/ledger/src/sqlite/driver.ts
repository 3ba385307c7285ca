import { type Clock, InvalidOptionError, systemClock } from '@farebox/core'
import type { BatchLimits, LedgerDriver, Query } from '../driver.ts'
import type { MigrationPlan, MigrationReport } from '../migrations.ts'
import type { Operation, Outcome } from '../operations.ts'
import { Checkpointer } from './checkpointer.ts'
import { SqliteConnection, type Written } from './connection.ts'
import type { SqliteDatabase } from './handle.ts'
import { isInMemory } from './open-file.ts'
import { checkPrefix, PREFIX } from './table-prefix.ts'
import { WriterThread } from './writer-thread.ts'

/** Where a ledger's changes are written: see {@link SqliteOptions.writer}. */
export type SqliteWriter = 'event loop' | 'thread'

/** Which SQLite database keeps the ledger, and how it is written. */
export interface SqliteOptions {
  /** Path of the database file, or `:memory:`. Give this or `database`. */
  filename?: string
  /** The host's own open database, which stays the host's to close. */
  database?: SqliteDatabase
  /**
   * `full` survives a power cut; `normal` may lose the newest commits then, but never tears. A `database` of the host's keeps its own
   * setting, which with a write-ahead log is `normal` unless the host says `database.pragma('synchronous = FULL')`.
   *
   * @defaultValue `full`
   */
  synchronous?: 'full' | 'normal'
  /** How long to keep asking for the file while another process writes. @defaultValue 5_000 */
  busyTimeoutMs?: number
  /**
   * Where changes are written. `event loop`: where it is called, some milliseconds of changes at once, and flushed to the disk beside it unless
   * the disk is as quick as that. `thread`: on a thread of its own, to which each change is sent, and its outcome back, which costs about as much as to
   * write it: for hosts whose event loop must never wait, with cores to spare, and that are not bundled into one file. With `database` and with `:memory:`
   * everything is on the event loop.
   *
   * @defaultValue `event loop`
   */
  writer?: SqliteWriter
  /**
   * What the names of the tables begin with, so that two ledgers can share a file: lower case, with an underscore at the end. The views
   * for SQL by hand keep their names, so only one of the two can have them. @defaultValue `farebox_`
   */
  prefix?: string
  /** Whether `migrate` makes the views `users`, `multi_service_usage_records` and `api_key_services`, whose names a host's own tables may have. @defaultValue true */
  views?: boolean
  /** @defaultValue the system's */
  clock?: Clock
}

/** A batch on the event loop holds it up for about so long at most, and there may be two in a row. */
const HELD_UP_MS_MAX = 5
/** What one change is taken to cost before any was measured; and each further one of its batch. */
const ALONE_MS = 0.15
const FURTHER_MS = 0.03
/** One slow write, such as the first, is not yet a slow machine. */
const MEASURED_MS_MAX = 10
const CHANGES_MIN = 16
/** So many changes are flushed where they were written, if the disk is fast: the event loop has nothing better to do. */
const FLUSHED_HERE_MAX = 64
/** While one batch is flushed, or written by the thread, the next is made ready: more would only make them smaller. */
const BATCHES_AT_ONCE = 2
/** How much the newest batch counts in what is expected of the next. */
const NEWEST_SHARE = 0.2

/**
 * A ledger in one SQLite file, by better-sqlite3. Opens the file at the first call, not now.
 *
 * @throws {InvalidOptionError} neither or both of `filename` and `database` are given, `prefix` is not the start of a plain name, or another
 *   option is none of what it may be
 */
export function sqlite(options: SqliteOptions): LedgerDriver<SqliteDatabase> {
  const { filename, database, synchronous = 'full', writer = 'event loop', busyTimeoutMs = 0 } = options ?? {}
  if ((filename === undefined) === (database === undefined)) {
    throw new InvalidOptionError("sqlite() takes either filename or database: sqlite({ filename: 'credits.db' })")
  }
  if (synchronous !== 'full' && synchronous !== 'normal') {
    throw new InvalidOptionError(`sqlite({ synchronous }) must be 'full' or 'normal', received ${JSON.stringify(synchronous)}`)
  }
  if (writer !== 'event loop' && writer !== 'thread') {
    throw new InvalidOptionError(`sqlite({ writer }) must be 'event loop' or 'thread', received ${JSON.stringify(writer)}`)
  }
  if (!(Number.isFinite(busyTimeoutMs) && busyTimeoutMs >= 0)) {
    throw new InvalidOptionError(`sqlite({ busyTimeoutMs }) must be milliseconds from 0, received ${busyTimeoutMs}`)
  }
  return new SqliteDriver(options)
}

class SqliteDriver implements LedgerDriver<SqliteDatabase> {
  readonly name = 'sqlite'
  readonly clock: Clock
  readonly batches: BatchLimits
  readonly #options: SqliteOptions
  readonly #connection: SqliteConnection
  readonly #checkpointer: Checkpointer | undefined
  /** Absent where everything is written on the event loop, and when the driver is closed. */
  #startThread: (() => WriterThread) | undefined
  #thread: WriterThread | undefined
  #aloneMs = ALONE_MS
  #furtherMs = FURTHER_MS
  readonly #underWay = new Set<Promise<Written>>()
  /** What is written on the event loop, one after another. */
  #here: Promise<unknown> = Promise.resolve()

  constructor(options: SqliteOptions) {
    this.#options = options
    this.clock = options.clock ?? systemClock
    const { filename, database, synchronous = 'full', busyTimeoutMs = 5_000, writer = 'event loop' } = options
    const prefix = checkPrefix(options.prefix ?? PREFIX)
    this.#connection = new SqliteConnection({ filename, database, synchronous, busyTimeoutMs, prefix, clock: this.clock })
    const isFile = filename !== undefined && !isInMemory(filename)
    if (isFile) this.#checkpointer = new Checkpointer(filename, () => this.#connection.copyLogItself())
    if (isFile && writer === 'thread') {
      this.#startThread = () => new WriterThread({ filename, synchronous, busyTimeoutMs, prefix }, options.clock)
    }
    const changesMax = () => (this.#startThread ? Number.POSITIVE_INFINITY : this.#changesMax)
    this.batches = { atOnce: isFile ? BATCHES_AT_ONCE : 1, isOrdered: true, changesMax }
  }

  async migrate(): Promise<MigrationReport> {
    return this.#connection.migrate({ views: this.#options.views ?? true })
  }

  planMigration(): Promise<MigrationPlan> {
    return this.#connection.planMigration({ views: this.#options.views ?? true })
  }

  async commit(operations: readonly Operation[], transaction?: SqliteDatabase): Promise<Outcome[]> {
    if (transaction) return this.#connection.join(transaction, operations)
    if (this.#checkpointer?.isNearlyDone) await this.#finishCopy()
    const write = this.#write(operations)
    this.#underWay.add(write)
    try {
      const { outcomes, rows, tookMs } = await write
      this.#learn(operations.length, tookMs)
      this.#checkpointer?.wrote(rows)
      return outcomes
    } finally {
      this.#underWay.delete(write)
    }
  }

  async select(query: Query): Promise<Record<string, unknown>[]> {
    return (await this.#connection.select([query]))[0] ?? []
  }

  selectAll(queries: readonly Query[]): Promise<Record<string, unknown>[][]> {
    return this.#connection.select(queries)
  }

  async write(statement: Pick<Query, 'text' | 'values'>): Promise<void> {
    await this.#connection.write(statement)
    this.#checkpointer?.wrote(1)
  }

  async now(): Promise<number> {
    return this.clock()
  }

  async close(): Promise<void> {
    this.#startThread = undefined
    await this.#thread?.close()
    await this.#checkpointer?.close()
    await this.#connection.close()
  }

  /** Lets what is under way be written, so that the rest of the log can be copied while nothing is. */
  async #finishCopy(): Promise<void> {
    await Promise.allSettled(this.#underWay)
    await this.#checkpointer?.beforeWrite()
  }

  #write(operations: readonly Operation[]): Promise<Written> {
    const thread = this.#threadNow()
    if (thread) return thread.commit(operations)
    const written = this.#here.then(() => this.#connection.commit(operations))
    this.#here = written.catch(() => undefined)
    return this.#flushed(written, operations.length)
  }

  /** What was written, when it is durable. After many changes there are more that can be written while the disk is at it. */
  async #flushed(writing: Promise<Written>, count: number): Promise<Written> {
    const written = await writing
    if (count <= FLUSHED_HERE_MAX && this.#connection.isFlushBrief) this.#connection.flushNow()
    else await this.#connection.flush()
    return written
  }

  #learn(count: number, tookMs: number): void {
    const measured = Math.min(tookMs, MEASURED_MS_MAX * count)
    if (count === 1) this.#aloneMs += (measured - this.#aloneMs) * NEWEST_SHARE
    else this.#furtherMs += (Math.max(measured - this.#aloneMs, 0) / (count - 1) - this.#furtherMs) * NEWEST_SHARE
  }

  /** How many changes the event loop can be held up for; never so few that nothing more would be learnt of what they take. */
  get #changesMax(): number {
    return Math.max(CHANGES_MIN, 1 + Math.floor((HELD_UP_MS_MAX - this.#aloneMs) / this.#furtherMs))
  }

  #threadNow(): WriterThread | undefined {
    if (!this.#startThread) return undefined
    if (!this.#thread || this.#thread.isEnded) this.#thread = this.#startThread()
    return this.#thread
  }
}
