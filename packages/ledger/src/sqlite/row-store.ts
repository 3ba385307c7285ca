import type { Clock } from '@farebox/core'
import type { Query } from '../driver.ts'
import { type BatchResult, type LoadReply, runBatch } from '../machine/batch.ts'
import type { Changes, LoadRequest } from '../machine/state.ts'
import type { Operation, Outcome } from '../operations.ts'
import type { TableName } from '../rows.ts'
import { loadStatement, nameTables, sqlName } from '../sql.ts'
import { type LoadKind, loads, tables } from '../tables.ts'
import { decodeRow, decodeValue, encodeRow } from './codec.ts'
import type { SqliteDatabase, SqliteStatement } from './handle.ts'
import { withPrefix } from './table-prefix.ts'
import { dialect, InsertsByShape, updateOf } from './writes.ts'

/** What a batch did within the open transaction. */
export interface Applied {
  /** Absent if it has to be run again: see {@link BatchResult}. */
  outcomes?: Outcome[]
  /** How many rows the batch wrote. */
  rows: number
}

/** Reads and writes the ledger's rows on a handle, within whatever transaction is open there. Never waits for a lock. */
export class RowStore {
  readonly #clock: Clock
  readonly #prefix: string
  #statements: { on: SqliteDatabase; all: Map<string, SqliteStatement> } | undefined

  constructor(clock: Clock, prefix: string) {
    this.#clock = clock
    this.#prefix = prefix
  }

  apply(database: SqliteDatabase, operations: readonly Operation[]): Applied {
    const batch = runBatch(operations)
    const stored: StoredRows = new Map()
    let step = batch.next()
    while (!step.done) step = batch.next(this.#load(database, step.value, stored))
    const { outcomes, changes }: BatchResult = step.value
    return { outcomes, rows: this.#write(database, changes, stored) }
  }

  select(database: SqliteDatabase, query: Query): Record<string, unknown>[] {
    const { text, values } = inSqlite(query)
    const decode = decoderOf(query)
    return (this.#prepare(database, text).all(...values) as unknown[][]).map(decode)
  }

  /** Like {@link select}, one row at a time. */
  *iterate(database: SqliteDatabase, query: Query): Generator<Record<string, unknown>> {
    const { text, values } = inSqlite(query)
    const decode = decoderOf(query)
    for (const row of this.#prepare(database, text).iterate(...values) as Iterable<unknown[]>) yield decode(row)
  }

  /** Runs a statement that changes rows, written in the SQL that both databases share. */
  write(database: SqliteDatabase, statement: Pick<Query, 'text' | 'values'>): void {
    const { text, values } = inSqlite(statement)
    this.#prepare(database, text).run(...values)
  }

  /** Runs a statement without values, such as `COMMIT`. */
  run(database: SqliteDatabase, text: string): void {
    this.#prepare(database, text).run()
  }

  /** Returns a number that changes when another connection has written to the file. */
  dataVersion(database: SqliteDatabase): bigint {
    const [row] = this.#prepare(database, 'PRAGMA data_version').all() as [[bigint]]
    return row[0]
  }

  /** Drops the prepared statements. */
  forget(): void {
    this.#statements = undefined
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
    return { now: this.#clock(), rows }
  }

  /** Writes what changed, and returns the number of rows. */
  #write(database: SqliteDatabase, changes: Changes, stored: StoredRows): number {
    let count = 0
    for (const name of tableNames) {
      const table = tables[name]
      const inserts = new InsertsByShape(table)
      count += changes[name].length
      for (const row of changes[name]) {
        const values = encodeRow(table, row)
        const before = stored.get(row)
        if (!before) {
          inserts.add(values)
          continue
        }
        const update = updateOf(table, before, values)
        if (update) this.#prepare(database, update.text).run(update.values)
      }
      for (const { text, values } of inserts.statements()) this.#prepare(database, text).run(values)
    }
    return count
  }

  /** Prepares each statement once per database. A host's transaction may be on a different handle. */
  #prepare(database: SqliteDatabase, text: string): SqliteStatement {
    if (this.#statements?.on !== database) this.#statements = { on: database, all: new Map() }
    const known = this.#statements.all.get(text)
    if (known) return known
    if (this.#statements.all.size >= STATEMENTS_MAX) this.#statements.all.clear()
    const statement = database.prepare(withPrefix(text, this.#prefix)).safeIntegers(true)
    if (statement.reader) statement.raw(true)
    this.#statements.all.set(text, statement)
    return statement
  }
}

/** A prepared statement takes some kilobytes. Hosts need a few dozen, but odd mixtures of absent fields could make thousands. */
const STATEMENTS_MAX = 500

/** The stored values of each row a batch has loaded, so that only changed columns are written. */
type StoredRows = Map<object, readonly unknown[]>

const loadTexts = new Map((Object.keys(loads) as LoadKind[]).map((kind) => [kind, loadStatement(kind, dialect)]))
const tableNames = Object.keys(tables) as TableName[]

function decoderOf({ columns }: Query): (row: readonly unknown[]) => Record<string, unknown> {
  const entries = Object.entries(columns)
  return (row) => Object.fromEntries(entries.map(([name, column], at) => [name, decodeValue(name, column, row[at])]))
}

/** A statement in the SQL that both databases share, as SQLite takes it. A list is one value, since SQLite limits how many it takes. */
function inSqlite({ text, values }: Pick<Query, 'text' | 'values'>): { text: string; values: unknown[] } {
  return {
    text: nameTables(text, sqlName).replaceAll('= ANY(?)', 'IN (SELECT value FROM json_each(?))'),
    values: values.map((value) => (Array.isArray(value) ? JSON.stringify(value) : value)),
  }
}
