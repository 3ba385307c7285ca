import { existsSync } from 'node:fs'
import { type Clock, InvalidOptionError, systemClock } from '@farebox/core'
import type { LedgerDriver, Query } from '../driver.ts'
import { InvalidInputError, LedgerClosedError, LedgerInternalError, LedgerUnavailableError, noTables } from '../errors.ts'
import { type BatchResult, type LoadReply, runBatch } from '../machine/batch.ts'
import { type Changes, getOrInsert, type LoadRequest } from '../machine/state.ts'
import { type MigrationPlan, type MigrationReport, migrationPlan } from '../migrations.ts'
import type { Operation, Outcome } from '../operations.ts'
import type { TableName } from '../rows.ts'
import { loadStatement, nameTables, type SqlDialect, sqlName, updateStatement, writeStatement } from '../sql.ts'
import { type LoadKind, loads, type Table, tables } from '../tables.ts'
import { Checkpointer } from './checkpointer.ts'
import { decodeRow, decodeValue, encodeRow } from './codec.ts'
import { type BetterSqlite, loadBetterSqlite } from './load-better-sqlite.ts'
import { migrateSqlite, planSqlite } from './migrate.ts'

/** The slice of a better-sqlite3 database that the ledger uses. */
export interface SqliteDatabase {
  readonly open: boolean
  readonly inTransaction: boolean
  prepare(text: string): SqliteStatement
  exec(text: string): unknown
  pragma(text: string): unknown
  close(): unknown
}

/** The slice of a better-sqlite3 statement that the ledger uses. */
export interface SqliteStatement {
  readonly reader: boolean
  safeIntegers(isOn: boolean): this
  raw(isOn: boolean): this
  all(...values: unknown[]): unknown[]
  run(...values: unknown[]): unknown
}

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
  /** Whether `migrate` makes the views `users`, `multi_service_usage_records` and `api_key_services`, whose names a host's own tables may have. @defaultValue true */
  views?: boolean
  /** @defaultValue the system's */
  clock?: Clock
}

/**
 * Pages in the write-ahead log before SQLite copies them into the file within a COMMIT: where no {@link Checkpointer} runs, and
 * where it does, in case it falls behind. A batch of 64 charges touches some 600 pages, most of them again with the next one, so
 * SQLite's own 1,000 would copy the same pages at every other commit.
 */
const CHECKPOINT_PAGES = 8_000
const CHECKPOINT_PAGES_BEHIND = 32_000

const dialect: SqlDialect = {
  tableName: sqlName,
  matches: (column) => `${column} = ?`,
  source: (columns) => `VALUES (${columns.map(() => '?').join(', ')})`,
}

/**
 * A ledger in one SQLite file, by better-sqlite3. Opens the file at the first call, not now.
 *
 * @throws {InvalidOptionError} neither or both of `filename` and `database` are given
 */
export function sqlite(options: SqliteOptions): LedgerDriver<SqliteDatabase> {
  if ((options.filename === undefined) === (options.database === undefined)) {
    throw new InvalidOptionError('sqlite() takes either filename or database')
  }
  return new SqliteDriver(options)
}

class SqliteDriver implements LedgerDriver<SqliteDatabase> {
  readonly name = 'sqlite'
  readonly #options: SqliteOptions
  readonly clock: Clock
  readonly #busyTimeoutMs: number
  #database: Promise<SqliteDatabase> | undefined
  #statements: { on: SqliteDatabase; all: Map<string, SqliteStatement> } | undefined
  #checkpointer: Checkpointer | undefined
  #closed = false

  constructor(options: SqliteOptions) {
    this.#options = options
    this.clock = options.clock ?? systemClock
    this.#busyTimeoutMs = options.busyTimeoutMs ?? 5_000
  }

  async migrate(): Promise<MigrationReport> {
    const database = await this.#open()
    return this.#whenFree(() => migrateSqlite(database, this.clock(), { views: this.#options.views ?? true }))
  }

  async planMigration(): Promise<MigrationPlan> {
    const options = { views: this.#options.views ?? true }
    const { filename = '', database } = this.#options
    if (database ?? isInMemory(filename)) {
      const known = await this.#open()
      return this.#whenFree(() => planSqlite(known, options))
    }
    if (!existsSync(filename)) return migrationPlan('sqlite', [], options)
    // Not by the ledger's own connection, which would turn the file's journal into a write-ahead log.
    const Database = await loadBetterSqlite()
    const visitor = open(Database, filename)
    try {
      return await this.#whenFree(() => planSqlite(visitor, options))
    } finally {
      visitor.close()
    }
  }

  async commit(operations: readonly Operation[], transaction?: SqliteDatabase): Promise<Outcome[]> {
    if (transaction) return this.#join(transaction, operations)
    const database = await this.#open()
    await this.#checkpointer?.beforeWrite()
    return this.#whenFree(() => {
      begin(database)
      try {
        const { outcomes, rows } = this.#runBatch(database, operations)
        this.#prepare(database, 'COMMIT').run()
        this.#checkpointer?.wrote(rows)
        return outcomes
      } catch (error) {
        if (database.inTransaction) database.exec('ROLLBACK')
        throw error
      }
    })
  }

  async select(query: Query): Promise<Record<string, unknown>[]> {
    const database = await this.#open()
    return this.#whenFree(() => this.#read(database, query))
  }

  async selectAll(queries: readonly Query[]): Promise<Record<string, unknown>[][]> {
    const database = await this.#open()
    return this.#whenFree(() => {
      // Within a transaction of the host's on the same handle, that is the moment.
      if (database.inTransaction) return queries.map((query) => this.#read(database, query))
      database.exec('BEGIN')
      try {
        return queries.map((query) => this.#read(database, query))
      } finally {
        database.exec('ROLLBACK')
      }
    })
  }

  #read(database: SqliteDatabase, query: Query): Record<string, unknown>[] {
    const values: unknown[] = []
    let text = nameTables(query.text, sqlName)
    let index = 0
    text = text.replace(/= ANY\(\?\)|\?/g, (found) => {
      const value = query.values[index++]
      if (found === '?') {
        values.push(value)
        return '?'
      }
      values.push(...(value as readonly string[]))
      return `IN (${(value as readonly string[]).map(() => '?').join(', ')})`
    })
    const columns = Object.entries(query.columns)
    const rows = this.#prepare(database, text).all(...values) as unknown[][]
    return rows.map((row) => Object.fromEntries(columns.map(([name, column], at) => [name, decodeValue(column, row[at])])))
  }

  async now(): Promise<number> {
    return this.clock()
  }

  async close(): Promise<void> {
    this.#closed = true
    const database = await this.#database?.catch(() => undefined)
    this.#statements = undefined
    await this.#checkpointer?.close()
    if (database && this.#options.database === undefined && database.open) database.close()
  }

  /** Applies operations in a transaction that the host has begun on its handle. */
  #join(database: SqliteDatabase, operations: readonly Operation[]): Outcome[] {
    if (!database.inTransaction) throw new InvalidInputError('transaction', 'must be a database on which the host has begun one')
    try {
      return this.#runBatch(database, operations).outcomes
    } catch (error) {
      throw explained(error)
    }
  }

  #runBatch(database: SqliteDatabase, operations: readonly Operation[]): { outcomes: Outcome[]; rows: number } {
    const batch = runBatch(operations)
    const stored: StoredRows = new Map()
    let step = batch.next()
    while (!step.done) step = batch.next(this.#load(database, step.value, stored))
    const { outcomes, changes }: BatchResult = step.value
    return { outcomes, rows: this.#write(database, changes, stored) }
  }

  #load(database: SqliteDatabase, requests: readonly LoadRequest[], stored: StoredRows): LoadReply {
    const rows = requests.map(({ kind, keys }) => {
      const table = tables[loads[kind].table]
      const statement = this.#prepare(database, loadTexts.get(kind) ?? '')
      const found: object[] = []
      for (const key of keys) {
        for (const values of statement.all(...key) as unknown[][]) {
          const row = decodeRow(table, values)
          if (table.mode === 'upsert') stored.set(row, values)
          found.push(row)
        }
      }
      return found
    })
    return { now: this.clock(), rows }
  }

  /** Writes what changed. Returns the number of rows. */
  #write(database: SqliteDatabase, changes: Changes, stored: StoredRows): number {
    let count = 0
    for (const name of tableNames) {
      const table = tables[name]
      count += changes[name].length
      for (const row of changes[name]) {
        const values = encodeRow(table, row)
        const before = stored.get(row)
        if (before) this.#update(database, table, before, values)
        else this.#insert(database, table, values)
      }
    }
    return count
  }

  /** Leaves out what is null: to bind a null costs as much as to bind a text. */
  #insert(database: SqliteDatabase, table: Table, values: readonly unknown[]): void {
    const given: unknown[] = []
    let columns = 0
    for (let index = 0; index < values.length; index++) {
      if (values[index] === null) continue
      columns |= 1 << index
      given.push(values[index])
    }
    this.#prepare(database, textFor('insert', table, columns)).run(given)
  }

  /** Writes the columns that changed: SQLite looks at no index, and touches no page of one, whose columns are not named. */
  #update(database: SqliteDatabase, table: Table, before: readonly unknown[], values: readonly unknown[]): void {
    const changed: unknown[] = []
    let columns = 0
    for (let index = 0; index < values.length; index++) {
      if (isSame(before[index], values[index])) continue
      columns |= 1 << index
      changed.push(values[index])
    }
    if (columns === 0) return
    for (let index = 0; index < table.primaryKey.length; index++) changed.push(values[index])
    this.#prepare(database, textFor('update', table, columns)).run(changed)
  }

  /** Statements are prepared once per database; the host's own handle in a transaction may be another one. */
  #prepare(database: SqliteDatabase, text: string): SqliteStatement {
    if (this.#statements?.on !== database) this.#statements = { on: database, all: new Map() }
    const known = this.#statements.all.get(text)
    if (known) return known
    const statement = database.prepare(text).safeIntegers(true)
    if (statement.reader) statement.raw(true)
    this.#statements.all.set(text, statement)
    return statement
  }

  /**
   * Runs `work`, and again while another process holds the file. SQLite's own waiting would block the event loop, and starve
   * one of two processes for most of a second; asking again between turns does neither.
   */
  async #whenFree<Result>(work: () => Result): Promise<Result> {
    const deadline = Date.now() + this.#busyTimeoutMs
    for (let wait = 1; ; wait = Math.min(wait * 2, 16)) {
      if (this.#closed) throw new LedgerClosedError('the ledger is closed')
      try {
        return work()
      } catch (error) {
        if (!isBusy(error)) throw explained(error)
        if (Date.now() > deadline) {
          throw new LedgerUnavailableError(`another process kept the database file for ${this.#busyTimeoutMs} ms`, error)
        }
      }
      await new Promise((resolve) => setTimeout(resolve, wait))
    }
  }

  #open(): Promise<SqliteDatabase> {
    if (this.#closed) return Promise.reject(new LedgerClosedError('the ledger is closed'))
    this.#database ??= this.#openNow().catch((error: unknown) => {
      this.#database = undefined
      throw error
    })
    return this.#database
  }

  async #openNow(): Promise<SqliteDatabase> {
    if (this.#options.database) return this.#options.database
    const database = open(await loadBetterSqlite(), this.#options.filename ?? '')
    try {
      await this.#whenFree(() => {
        database.pragma('journal_mode = WAL')
        database.pragma(`synchronous = ${this.#options.synchronous ?? 'full'}`)
        database.pragma(`wal_autocheckpoint = ${CHECKPOINT_PAGES_BEHIND}`)
      })
      if (!isInMemory(this.#options.filename ?? '')) {
        this.#checkpointer = new Checkpointer(this.#options.filename ?? '', () => {
          if (database.open) database.pragma(`wal_autocheckpoint = ${CHECKPOINT_PAGES}`)
        })
      }
    } catch (error) {
      database.close()
      throw error
    }
    return database
  }
}

function open(Database: BetterSqlite, filename: string): SqliteDatabase {
  try {
    return new Database(filename, { timeout: 0 })
  } catch (error) {
    throw new LedgerUnavailableError(`cannot open the SQLite file ${filename}: ${messageOf(error)}`, error)
  }
}

const loadTexts = new Map((Object.keys(loads) as LoadKind[]).map((kind) => [kind, loadStatement(kind, dialect)]))
const tableNames = Object.keys(tables) as TableName[]

/** The values of the rows that a batch has loaded, as they were stored, to write only what changed. */
type StoredRows = Map<object, readonly unknown[]>

const texts = { insert: new Map<Table, Map<number, string>>(), update: new Map<Table, Map<number, string>>() }

/**
 * A statement that names some of a table's columns, one bit for each: no table has more than 30. They are few: as many as there are
 * ways in which rows change.
 */
function textFor(kind: 'insert' | 'update', table: Table, columns: number): string {
  const known = getOrInsert(texts[kind], table, () => new Map<number, string>())
  return getOrInsert(known, columns, () => {
    const named = table.columns.filter((_, index) => columns & (1 << index))
    return kind === 'insert' ? writeStatement(table, dialect, named) : updateStatement(table, dialect, named)
  })
}

/** Whether a value that was read is the one to write: integers are read as `bigint`, and may be written as numbers. */
function isSame(before: unknown, after: unknown): boolean {
  return before === after || (typeof after === 'number' && typeof before === 'bigint' && Number(before) === after)
}

function isInMemory(filename: string): boolean {
  return filename === '' || filename.startsWith(':memory:')
}

/** Begins a transaction, or says that the host has one under way on the same handle, which must end first. */
function begin(database: SqliteDatabase): void {
  if (database.inTransaction) throw new HandleBusyError("the host's transaction on this database has not ended")
  database.exec('BEGIN IMMEDIATE')
}

class HandleBusyError extends Error {
  readonly code = 'SQLITE_BUSY'
}

/** What a failure of SQLite means to a caller. Our own errors pass as they are. */
function explained(error: unknown): unknown {
  // A value that does not fit its column, or a sum that does not: the change is at fault, not the database.
  if (codeOf(error).startsWith('SQLITE_CONSTRAINT') || codeOf(error) === 'SQLITE_TOOBIG' || error instanceof RangeError) {
    return new LedgerInternalError('a change does not fit the tables of the ledger, and was not made', error)
  }
  if (codeOf(error) === 'SQLITE_ERROR' && messageOf(error).startsWith('no such table')) return noTables(error)
  return isSqliteFailure(error) ? new LedgerUnavailableError(`SQLite failed: ${messageOf(error)}`, error) : error
}

function isBusy(error: unknown): boolean {
  return codeOf(error).startsWith('SQLITE_BUSY') || codeOf(error).startsWith('SQLITE_LOCKED')
}

function isSqliteFailure(error: unknown): boolean {
  return codeOf(error).startsWith('SQLITE_')
}

function codeOf(error: unknown): string {
  const code = typeof error === 'object' && error !== null && 'code' in error ? error.code : undefined
  return typeof code === 'string' ? code : ''
}

function messageOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error)
}
