import { getOrInsert } from '../machine/get-or-insert.ts'
import { insertStatement, type SqlDialect, sqlName, updateStatement, writeStatement } from '../sql.ts'
import type { Column, Table } from '../tables.ts'
import { PREFIX } from './table-prefix.ts'

/** A statement, and the values to bind to it. */
export interface Write {
  text: string
  values: unknown[]
}

/** How many rows one statement inserts. Running a statement costs about as much as binding eight values. */
const ROWS_AT_ONCE = 16
/** Two bit sets of columns must fit one safe integer. */
export const COLUMNS_MAX = 26

/**
 * Groups the new rows of one table by shape: which columns are null, and which are zero or an empty list. Those values go into
 * the statement's text, since binding them costs as much as binding any other, and many amounts of a new row are zero.
 */
export class InsertsByShape {
  readonly #table: Table
  readonly #shapes = new Map<number, Shape>()

  constructor(table: Table) {
    this.#table = table
  }

  /** @param row  values in the order of the table's columns */
  add(row: readonly unknown[]): void {
    let nulls = 0
    let empties = 0
    for (let index = 0; index < row.length; index++) {
      const value = row[index]
      if (value === null) nulls |= 1 << index
      else if (isEmpty(value)) empties |= 1 << index
    }
    const key = nulls * 2 ** COLUMNS_MAX + empties
    const shape = getOrInsert(this.#shapes, key, () => ({ nulls, empties, values: [], rows: 0 }))
    const bound = nulls | empties
    for (let index = 0; index < row.length; index++) if (!(bound & (1 << index))) shape.values.push(row[index])
    shape.rows++
  }

  *statements(): Generator<Write> {
    for (const [key, { nulls, empties, values, rows }] of this.#shapes) {
      const perRow = values.length / rows
      for (let done = 0; done < rows; ) {
        const count = rows - done < ROWS_AT_ONCE ? 1 : ROWS_AT_ONCE
        const text = insertText(this.#table, key, nulls, empties, count)
        yield { text, values: count === rows ? values : values.slice(done * perRow, (done + count) * perRow) }
        done += count
      }
    }
  }
}

interface Shape {
  nulls: number
  empties: number
  /** The bound values of all rows, one row after another. */
  values: unknown[]
  rows: number
}

/**
 * Updates only the columns that changed, since SQLite skips every index whose columns are not named. `undefined` if none changed.
 */
export function updateOf(table: Table, before: readonly unknown[], after: readonly unknown[]): Write | undefined {
  const values: unknown[] = []
  let changed = 0
  for (let index = 0; index < after.length; index++) {
    if (isSame(before[index], after[index])) continue
    changed |= 1 << index
    values.push(after[index])
  }
  if (changed === 0) return undefined
  for (let index = 0; index < table.primaryKey.length; index++) values.push(after[index])
  return { text: updateText(table, changed), values }
}

const texts = { insert: new Map<Table, Map<number, string>>(), update: new Map<Table, Map<number, string>>() }

function insertText(table: Table, key: number, nulls: number, empties: number, rows: 1 | typeof ROWS_AT_ONCE): string {
  const known = getOrInsert(texts.insert, table, () => new Map<number, string>())
  return getOrInsert(known, rows === 1 ? -key - 1 : key, () => {
    const given = table.columns.filter((_, index) => !(nulls & (1 << index)))
    const value = (column: Column) => (empties & (1 << table.columns.indexOf(column)) ? emptyOf(column) : '?')
    const row = `(${given.map(value).join(', ')})`
    const many = { ...dialect, source: () => `VALUES ${Array.from({ length: rows }, () => row).join(', ')}` }
    if (table.mode === 'add') return writeStatement(table, many, given)
    // Rows that were not loaded are new. A failure rolls back the whole transaction, so no statement need be undone alone.
    return insertStatement(table, many, given).replace('INSERT', 'INSERT OR FAIL')
  })
}

function updateText(table: Table, changed: number): string {
  const known = getOrInsert(texts.update, table, () => new Map<number, string>())
  return getOrInsert(known, changed, () =>
    updateStatement(
      table,
      dialect,
      table.columns.filter((_, index) => changed & (1 << index)),
    ),
  )
}

function isEmpty(value: unknown): boolean {
  return value === 0n || value === 0 || value === '[]'
}

function emptyOf(column: Column): string {
  return column.type === 'json' || column.type === 'text' ? `'[]'` : '0'
}

/** Whether a column is unchanged. Integers are read as `bigint`, but may be written as numbers. */
function isSame(before: unknown, after: unknown): boolean {
  if (typeof after === 'number' && typeof before === 'bigint') return Number(before) === after
  return before === after
}

export const dialect: SqlDialect = {
  tableName: sqlName,
  indexedBy: (name) => ` INDEXED BY ${PREFIX}${name}`,
  matches: (column) => `${column} = ?`,
  source: (columns) => `VALUES (${columns.map(() => '?').join(', ')})`,
}
