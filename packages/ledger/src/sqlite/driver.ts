import { availableParallelism } from 'node:os'
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
export type SqliteWriter = 'adaptive' | 'thread' | 'event loop'

/** Which SQLite database keeps the ledger, and how it is written. */
export interface SqliteOptions {
  /** Path of the database file, or `:memory:`. Give this or `database`. */
  filename?: string
  /** The host's own open database, which stays the host's to close. */
  database?: SqliteDatabase
  /**
   * `full` survives a power cut; `normal` may lose the newest commits then, but never tears.
   *
   * @defaultValue `full`
   */
  synchronous?: 'full' | 'normal'
  /** How long to keep asking for the file while another process writes. @defaultValue 5_000 */
  busyTimeoutMs?: number
  /**
   * Where changes are written. `thread`: on a thread of its own, which never holds up the event loop. `event loop`: where it is called,
   * which saves a change the way to the thread and back. `adaptive`: on the event loop what is expected to take it less than three
   * milliseconds (ten where there is one core), the rest on a thread, which is started when it is first wanted. Everything is on the event loop with `database`,
   * with `:memory:`, and where no thread can be started, as in a program that was bundled into one file.
   *
   * @defaultValue `adaptive`
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

/**
 * A batch that is expected to hold up the event loop for longer than this goes to the thread. Where there is one core, the thread takes from
 * the event loop what it gives, and the way there and back besides.
 */
const HELD_UP_MS_MAX = availableParallelism() > 1 ? 3 : 10
/** What one change is taken to cost before any was measured, most of it to flush the disk; and each further one of its batch. */
const ALONE_MS = 0.3
const FURTHER_MS = 0.03
/** One slow write, such as the first, is not yet a slow disk. */
const MEASURED_MS_MAX = 10
/** While the thread writes one batch, the next is made ready: more would only make them smaller. */
const BATCHES_AT_ONCE = 2
/** How much the newest batch counts in what is expected of the next. */
const NEWEST_SHARE = 0.2

/**
 * A ledger in one SQLite file, by better-sqlite3. Opens the file at the first call, not now.
 *
 * @throws {InvalidOptionError} neither or both of `filename` and `database` are given, or `prefix` is not the start of a plain name
 */
export function sqlite(options: SqliteOptions): LedgerDriver<SqliteDatabase> {
  if ((options.filename === undefined) === (options.database === undefined)) {
    throw new InvalidOptionError('sqlite() takes either filename or database')
  }
  return new SqliteDriver(options)
}

class SqliteDriver implements LedgerDriver<SqliteDatabase> {
  readonly name = 'sqlite'
  readonly clock: Clock
  readonly batches: BatchLimits | undefined
  readonly #options: SqliteOptions
  readonly #connection: SqliteConnection
  readonly #checkpointer: Checkpointer | undefined
  /** Absent where there can be no thread, and when the driver is closed. */
  #startThread: (() => WriterThread) | undefined
  #thread: WriterThread | undefined
  #aloneMs = ALONE_MS
  #furtherMs = FURTHER_MS
  #wroteLast: 'here' | 'thread' | undefined
  readonly #underWay = new Set<Promise<Written>>()
  /** What is written on the event loop, one after another. */
  #here: Promise<unknown> = Promise.resolve()
  #hereCount = 0

  constructor(options: SqliteOptions) {
    this.#options = options
    this.clock = options.clock ?? systemClock
    const { filename, database, synchronous = 'full', busyTimeoutMs = 5_000, writer = 'adaptive' } = options
    const prefix = checkPrefix(options.prefix ?? PREFIX)
    this.#connection = new SqliteConnection({ filename, database, synchronous, busyTimeoutMs, prefix, clock: this.clock })
    if (filename === undefined || isInMemory(filename)) return
    this.#checkpointer = new Checkpointer(filename, () => this.#connection.copyLogItself())
    if (writer === 'event loop') return
    this.#startThread = () => new WriterThread({ filename, synchronous, busyTimeoutMs, prefix }, options.clock)
    this.batches = { atOnce: BATCHES_AT_ONCE, isOrdered: true }
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
    const thread = this.#threadFor(operations.length)
    if (thread) {
      const isSwitch = this.#wroteLast === 'here'
      this.#wroteLast = 'thread'
      return thread.commit(operations, isSwitch)
    }
    this.#hereCount++
    const written = this.#here.then(() => this.#writeHere(operations)).finally(() => this.#hereCount--)
    this.#here = written.catch(() => undefined)
    return written
  }

  #writeHere(operations: readonly Operation[]): Promise<Written> {
    if (this.#wroteLast === 'thread') this.#connection.ignoreOwnWrites()
    this.#wroteLast = 'here'
    return this.#connection.commit(operations)
  }

  /** What the next batch is expected to take, learnt from all of them: here and on the thread the same file is written. */
  #learn(count: number, tookMs: number): void {
    const measured = Math.min(tookMs, MEASURED_MS_MAX * count)
    if (count === 1) this.#aloneMs += (measured - this.#aloneMs) * NEWEST_SHARE
    else this.#furtherMs += (Math.max(measured - this.#aloneMs, 0) / (count - 1) - this.#furtherMs) * NEWEST_SHARE
  }

  /** The thread that so many changes are for; `undefined` to write them here. */
  #threadFor(count: number): WriterThread | undefined {
    if (!this.#startThread) return undefined
    if (this.#options.writer === 'thread') {
      if (!this.#thread || this.#thread.state === 'ended') this.#thread = this.#startThread()
      return this.#thread
    }
    // In the order in which they came: not past what is being written already.
    if (this.#hereCount > 0) return undefined
    if (this.#thread?.isBusy) return this.#thread
    if (this.#aloneMs + (count - 1) * this.#furtherMs < HELD_UP_MS_MAX) return undefined
    if (!this.#thread) {
      try {
        this.#thread = this.#startThread()
      } catch {
        // Node may be told to allow no threads.
        this.#startThread = undefined
      }
    }
    return this.#thread?.state === 'ready' ? this.#thread : undefined
  }
}
