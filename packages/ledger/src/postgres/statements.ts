import type { Query } from '../driver.ts'
import type { Changes, LoadRequest } from '../machine/state.ts'
import type { TableName } from '../rows.ts'
import { insertStatement, loadStatement, nameTables, type SqlDialect, sqlName, sqlSchema, writeStatement } from '../sql.ts'
import { type Column, type Load, type LoadKind, loads, type Table, tables } from '../tables.ts'
import type { Statement } from './client.ts'
import { type ArrayValue, columnArrays, elementType, sameValue } from './codec.ts'

const tableNames = Object.keys(tables) as TableName[]

/** From how many rows on a statement of their own is worth it: most of their columns have the same value in all of them. */
const WORTH_A_SHAPE = 8
/** Postgres keeps each prepared statement on each connection. Hosts need a dozen, but odd mixtures could make thousands. */
const SHAPES_MAX = 100

/**
 * The rows to insert. Columns in the bit set `same` have one value in all rows. The others are arrays, of which there is always one,
 * since rows differ in their key. In the select list, Postgres unnests arrays row by row. In FROM, it would first copy each column.
 * By its full name: of one for anyarray and somebody's own for text[] on the search path, Postgres takes the latter.
 */
function source(columns: readonly Column[], same: number): string {
  const values = columns.map((column, index) => {
    const type = elementType(column)
    return same & (1 << index) ? `$${index + 1}::${type}` : `pg_catalog.unnest($${index + 1}::${type}[])`
  })
  return `SELECT ${values.join(', ')}`
}

/**
 * Builds the driver's statements for the tables of one schema. Every statement covers many rows. Where the tables are
 * distributed, these belong to one account, named by `account_id = $1` so that one node can answer.
 */
export class Statements {
  readonly #dialect: SqlDialect
  readonly #isDistributed: boolean
  readonly #texts = new Map<string, string>()
  /** How many statements there are for rows that have values in common. */
  #shapes = 0

  constructor(schema: string, isDistributed: boolean) {
    this.#isDistributed = isDistributed
    this.#dialect = {
      tableName: (name) => `${sqlSchema(schema)}.${sqlName(name)}`,
      matches: (column, index) =>
        isDistributed && column === 'account_id' ? `${column} = $${index}` : `${column} = ANY($${index}::text[])`,
      source: (columns) => source(columns, 0),
    }
  }

  /** Returns the statements that load the requested rows: one, or one for each account where the tables are distributed. */
  load({ kind, keys }: LoadRequest): Statement[] {
    const { by }: Load = loads[kind]
    const text = this.#text(`load ${kind}`, () => this.#loadText(kind))
    const column = (of: LoadRequest['keys'], index: number): ArrayValue => ({
      type: 'text',
      elements: of.map((key) => key[index]),
    })
    if (!this.#isDistributed || by[0] !== 'account_id') {
      return [{ text, values: by.map((_, index) => column(keys, index)), rowMode: 'array' }]
    }
    return [...Map.groupBy(keys, ([accountId = '']) => accountId)].map(([accountId, of]) => ({
      text,
      values: [accountId, ...by.slice(1).map((_, index) => column(of, index + 1))],
      rowMode: 'array',
    }))
  }

  /** @param stored  the rows read in this transaction; all others are new */
  *writes(changes: Partial<Changes>, stored: ReadonlySet<object>): Generator<Statement> {
    for (const name of tableNames) {
      const table = tables[name]
      const rows: readonly object[] = changes[name] ?? []
      if (table.mode !== 'upsert') {
        yield* this.#write(table, rows, `write ${name}`, writeStatement)
        continue
      }
      yield* this.#write(
        table,
        rows.filter((row) => !stored.has(row)),
        `insert ${name}`,
        insertStatement,
      )
      yield* this.#write(
        table,
        rows.filter((row) => stored.has(row)),
        `write ${name}`,
        writeStatement,
      )
    }
  }

  read(query: Pick<Query, 'text' | 'values'>): { text: string; values: unknown[]; rowMode: 'array' } {
    let index = 0
    const text = nameTables(query.text, this.#dialect.tableName).replace(/\?/g, () => `$${++index}`)
    const values = query.values.map((value) => (typeof value === 'bigint' ? value.toString() : value))
    return { text, values, rowMode: 'array' }
  }

  *#write(
    table: Table,
    rows: readonly object[],
    key: string,
    makeText: (table: Table, dialect: SqlDialect) => string,
  ): Generator<Statement> {
    if (rows.length === 0) return
    const arrays = columnArrays(table, rows)
    const same = rows.length < WORTH_A_SHAPE || this.#isDistributed ? [] : arrays.map(sameValue)
    const shape = this.#shapeOf(key, same)
    const text = this.#text(`${key} ${shape}`, () =>
      makeText(table, { ...this.#dialect, source: (columns) => source(columns, shape) }),
    )
    yield { text, values: arrays.map((array, index) => (shape & (1 << index) ? (same[index] ?? null) : array)) }
  }

  /** Which columns are to be sent as one value, as a bit set. None where that would be one statement too many. */
  #shapeOf(key: string, same: readonly (string | null | undefined)[]): number {
    const shape = same.reduce((bits, value, index) => (value === undefined ? bits : bits | (1 << index)), 0)
    if (shape === 0 || this.#texts.has(`${key} ${shape}`)) return shape
    this.#shapes += 1
    return this.#shapes > SHAPES_MAX ? 0 : shape
  }

  #loadText(kind: LoadKind): string {
    const { first }: Load = loads[kind]
    if (first !== undefined && !this.#isDistributed) {
      // So many rows for each key, which one condition on all of them cannot say.
      const found = loadStatement(kind, { ...this.#dialect, matches: (column) => `${column} = asked.account_id` })
      return `SELECT found.* FROM pg_catalog.unnest($1::text[]) AS asked (account_id), LATERAL (${found}) AS found`
    }
    const text = loadStatement(kind, this.#dialect)
    // Locking accounts first, in a fixed order, keeps two batches from deadlocking.
    return kind === 'account' ? `${text} ORDER BY account_id FOR UPDATE` : text
  }

  #text(key: string, make: () => string): string {
    const text = this.#texts.get(key) ?? make()
    this.#texts.set(key, text)
    return text
  }
}
