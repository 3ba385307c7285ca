import { setImmediate } from 'node:timers/promises'
import type { LedgerDriver, Query } from './driver.ts'
import type { TableName } from './rows.ts'

/** How many rows a page has at most. */
const PAGE = 500
/** How many rows one query looks at, at most. */
const LOOKED_AT_MAX = 5_000

/** Which rows to read: along the primary key of one table, or of one account's part of it. */
export interface KeyPages<Row> {
  table: TableName
  /** The columns of the primary key, all of them text, without those that `of` fixes. */
  keys: readonly string[]
  keyOf: (row: Row) => string[]
  /** The part of the table to read, as a condition on the first columns of its key. @defaultValue all of it */
  of?: Condition
  /** Which of these rows to return. No index needs to help find them. @defaultValue all of them */
  only?: Condition | undefined
  /** Reads rows. `rest` is everything after `FROM table`. */
  read: (rest: string, values: Query['values']) => Promise<Row[]>
}

/** Part of a `WHERE` clause, with its values. */
export interface Condition {
  text: string
  values: Query['values']
}

/**
 * Reads rows in the order of their primary key, a page at a time. SQLite reads on the event loop, so each query ends after a few
 * thousand rows, even where none of them is wanted, and other work gets its turn before the next.
 */
export async function* keyPages<Row>(
  reads: Pick<LedgerDriver<never>, 'select'>,
  { table, keys, keyOf, of, only, read }: KeyPages<Row>,
): AsyncGenerator<Row[], void, undefined> {
  const order = keys.join(', ')
  const key = rowOf(keys)
  const marks = rowOf(keys.map(() => '?'))
  let after = keys.map(() => '')
  /** The key up to which to look. Absent where that is the end of the table, or where every row is wanted. */
  let through: string[] | undefined
  let isLooking = false
  for (;;) {
    const position = both(of, { text: `${key} > ${marks}`, values: after })
    if (only && !isLooking) {
      through = await keyAhead(reads, { table, keys }, position)
      isLooking = true
    }
    const looked = through ? both(position, { text: `${key} <= ${marks}`, values: through }) : position
    const { text, values } = both(looked, only)
    const rows = await read(`WHERE ${text} ORDER BY ${order} LIMIT ?`, [...values, PAGE])
    if (rows.length > 0) yield rows
    const last = rows.at(-1)
    if (rows.length === PAGE && last !== undefined) after = keyOf(last)
    else if (through) [after, isLooking] = [through, false]
    else return
    await setImmediate()
  }
}

/** The key of the last row that a query may look at, found without reading any row itself. `undefined` if fewer are left. */
async function keyAhead(
  reads: Pick<LedgerDriver<never>, 'select'>,
  { table, keys }: { table: TableName; keys: readonly string[] },
  { text, values }: Condition,
): Promise<string[] | undefined> {
  const order = keys.join(', ')
  const [row] = await reads.select({
    text: `SELECT ${order} FROM {${table}} WHERE ${text} ORDER BY ${order} LIMIT ? OFFSET ?`,
    values: [...values, 1, LOOKED_AT_MAX - 1],
    columns: Object.fromEntries(keys.map((key) => [key, 'text'])),
  })
  return row && keys.map((key) => String(row[key]))
}

/** Compares like a single value where it is one. */
function rowOf(values: readonly string[]): string {
  return values.length === 1 ? values.join() : `(${values.join(', ')})`
}

function both(one: Condition | undefined, other: Condition | undefined): Condition {
  const all = [one, other].flatMap((condition) => condition ?? [])
  return { text: all.map(({ text }) => text).join(' AND '), values: all.flatMap(({ values }) => values) }
}
