import { type Clock, checkOptionNames, checkOptionType, describeOption, InvalidOptionError, systemClock } from '@farebox/core'
import { checkedClock } from '../check-input.ts'
import type { BatchLimits, LedgerDriver, Query, Snapshot } from '../driver.ts'
import type { MigrationPlan, MigrationReport } from '../migrations.ts'
import type { Operation, Outcome } from '../operations.ts'
import { Checkpointer } from './checkpointer.ts'
import { SqliteConnection, type Written } from './connection.ts'
import type { SqliteDatabase } from './handle.ts'
import { isInMemory } from './open-file.ts'
import { checkPrefix, PREFIX } from './table-prefix.ts'
import { WriterThread, writerProgram } from './writer-thread.ts'

/** Which thread writes the ledger's changes: see {@link SqliteOptions.writer}. */
export type SqliteWriter = 'event loop' | 'thread'

/** The SQLite database that keeps the ledger, and how the ledger writes to it. */
export interface SqliteOptions {
  /** Path of the database file, or `:memory:`. Give this or `database`. */
  filename?: string
  /** The host's own open database. The host closes it; the ledger never does. */
  database?: SqliteDatabase
  /**
   * `full` survives a power cut. `normal` may lose the newest commits in one, but never corrupts the file. The host's own
   * `database` keeps its own setting, which with a write-ahead log is `normal` unless the host runs
   * `database.pragma('synchronous = FULL')`.
   *
   * @defaultValue `full`
   */
  synchronous?: 'full' | 'normal'
  /** How long to retry while another process holds the file, in milliseconds. @defaultValue 5_000 */
  busyTimeoutMs?: number
  /**
   * Which thread writes changes. `event loop` writes on the calling thread, a few milliseconds of changes at a time. The disk
   * flush runs in the background, unless the disk is fast enough to wait for. `thread` writes on a thread of its own. Sending a
   * change there and its outcome back costs about as much as writing it. Choose it if the event loop must never block, cores are
   * to spare, and the host is not bundled into one file. With `database` or `:memory:` everything runs on the event loop.
   *
   * @defaultValue `event loop`
   */
  writer?: SqliteWriter
  /**
   * Prefix of the table names, so that two ledgers can share a file: lower case, ending with an underscore. The views for
   * hand-written SQL have fixed names, so only one of the two ledgers can have them. @defaultValue `farebox_`
   */
  prefix?: string
  /**
   * Whether `migrate` creates the views `users`, `multi_service_usage_records` and `api_key_services`. Turn it off where the host
   * has tables of those names. @defaultValue true
   */
  views?: boolean
  /** Returns epoch milliseconds, as whole numbers. @defaultValue the system clock */
  clock?: Clock
}

const known: Record<keyof SqliteOptions, true> = {
  filename: true,
  database: true,
  synchronous: true,
  busyTimeoutMs: true,
  writer: true,
  prefix: true,
  views: true,
  clock: true,
}

const BUSY_TIMEOUT_MS = 5_000
/** Roughly how long one batch may block the event loop. Two batches may follow each other. */
const HELD_UP_MS_MAX = 5
/** Estimated cost of the first change of a batch, and of each further one, until real batches have been measured. */
const ALONE_MS = 0.15
const FURTHER_MS = 0.03
/** Caps each measurement, so that one slow write, such as the first, does not count as a slow machine. */
const MEASURED_MS_MAX = 10
const CHANGES_MIN = 16
/** Up to this many changes, a fast disk is flushed synchronously: the event loop has nothing better to do. */
const FLUSHED_HERE_MAX = 64
/** The next batch is prepared while one is flushed, or written by the thread. A third would only make each smaller. */
const BATCHES_AT_ONCE = 2
/** Weight of the newest batch in the moving average of costs. */
const NEWEST_SHARE = 0.2

/**
 * Keeps a ledger in one SQLite file, through better-sqlite3. The file is opened at the ledger's first call, not here.
 *
 * @throws {InvalidOptionError} neither or both of `filename` and `database` are given, `filename` is blank, `database` is none, `prefix` is not the start
 *   of a plain name, another option has an invalid value, or `writer: 'thread'` is used in a bundled program
 */
export function sqlite(options: SqliteOptions): LedgerDriver<SqliteDatabase> {
  checkOptionNames(options ?? {}, known, 'sqlite()')
  checkOptionType('views', options?.views, 'boolean')
  checkOptionType('clock', options?.clock, 'function')
  const { filename, database, synchronous = 'full', writer = 'event loop', busyTimeoutMs = BUSY_TIMEOUT_MS } = options ?? {}
  if ((filename === undefined) === (database === undefined)) {
    const received = filename === undefined ? 'neither' : 'both'
    throw new InvalidOptionError(
      `sqlite() takes either filename or database, received ${received}: sqlite({ filename: 'credits.db' })`,
    )
  }
  // SQLite would keep a database without a name in a temporary file, and delete that when it is closed.
  if (filename !== undefined && (typeof filename !== 'string' || filename.trim() === '')) {
    throw new InvalidOptionError(
      `sqlite({ filename }) must be the path of a file or ':memory:', received ${describeOption(filename)}`,
    )
  }
  // For one of null, SQLite would keep a temporary database, too.
  if (database !== undefined && (typeof database?.prepare !== 'function' || typeof database.exec !== 'function')) {
    const received = describeOption(database)
    throw new InvalidOptionError(
      `sqlite({ database }) must be a better-sqlite3 database: new Database(filename); received ${received}`,
    )
  }
  if (synchronous !== 'full' && synchronous !== 'normal') {
    throw new InvalidOptionError(`sqlite({ synchronous }) must be 'full' or 'normal', received ${describeOption(synchronous)}`)
  }
  if (writer !== 'event loop' && writer !== 'thread') {
    throw new InvalidOptionError(`sqlite({ writer }) must be 'event loop' or 'thread', received ${describeOption(writer)}`)
  }
  if (!(Number.isFinite(busyTimeoutMs) && busyTimeoutMs >= 0)) {
    throw new InvalidOptionError(`sqlite({ busyTimeoutMs }) must be milliseconds from 0, received ${busyTimeoutMs}`)
  }
  return new SqliteDriver(options)
}

class SqliteDriver implements LedgerDriver<SqliteDatabase> {
  readonly name = 'sqlite'
  readonly rowNumber = 'rowid'
  readonly clock: Clock
  readonly batches: BatchLimits
  readonly #options: SqliteOptions
  readonly #connection: SqliteConnection
  readonly #checkpointer: Checkpointer | undefined
  /** Absent when everything is written on the event loop, and once the driver is closed. */
  #startThread: (() => WriterThread) | undefined
  #thread: WriterThread | undefined
  #aloneMs = ALONE_MS
  #furtherMs = FURTHER_MS
  readonly #underWay = new Set<Promise<Written>>()
  /** The tail of the writes on the event loop, which run one after another. */
  #here: Promise<unknown> = Promise.resolve()

  constructor(options: SqliteOptions) {
    this.#options = options
    this.clock = options.clock ? checkedClock(options.clock) : systemClock
    const { filename, database, synchronous = 'full', busyTimeoutMs = BUSY_TIMEOUT_MS, writer = 'event loop' } = options
    const prefix = checkPrefix(options.prefix ?? PREFIX)
    this.#connection = new SqliteConnection({ filename, database, synchronous, busyTimeoutMs, prefix, clock: this.clock })
    const isFile = filename !== undefined && !isInMemory(filename)
    if (isFile) this.#checkpointer = new Checkpointer(filename, () => this.#connection.copyLogItself())
    if (isFile && writer === 'thread') {
      const program = writerProgram()
      this.#startThread = () =>
        new WriterThread(program, { filename, synchronous, busyTimeoutMs, prefix }, options.clock && this.clock)
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

  snapshot<Result>(work: (snapshot: Snapshot) => Promise<Result>): Promise<Result> {
    return this.#connection.snapshot(work)
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

  /** Waits for the writes under way, so that the rest of the log can be copied while nothing writes. */
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

  /** Resolves once the write is durable. A large batch is flushed in the background, while the next is written. */
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

  /** How many changes fit into the time the event loop may be blocked. The minimum keeps batches large enough to measure. */
  get #changesMax(): number {
    return Math.max(CHANGES_MIN, 1 + Math.floor((HELD_UP_MS_MAX - this.#aloneMs) / this.#furtherMs))
  }

  #threadNow(): WriterThread | undefined {
    if (!this.#startThread) return undefined
    if (!this.#thread || this.#thread.isEnded) this.#thread = this.#startThread()
    return this.#thread
  }
}
