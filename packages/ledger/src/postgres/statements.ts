import type { Query } from '../driver.ts'
import type { Changes, LoadRequest } from '../machine/state.ts'
import type { TableName } from '../rows.ts'
import { insertStatement, loadStatement, nameTables, type SqlDialect, sqlName, sqlSchema, writeStatement } from '../sql.ts'
import { type Load, type LoadKind, loads, type Table, tables } from '../tables.ts'
import type { Statement } from './client.ts'
import { type ArrayValue, arrayType, columnArrays } from './codec.ts'

const tableNames = Object.keys(tables) as TableName[]

/**
 * Builds the driver's statements for the tables of one schema. Every statement covers many rows. Where the tables are
 * distributed, these belong to one account, named by `account_id = $1` so that one node can answer.
 */
export class Statements {
  readonly #dialect: SqlDialect
  readonly #isDistributed: boolean
  readonly #texts = new Map<string, string>()

  constructor(schema: string, isDistributed: boolean) {
    this.#isDistributed = isDistributed
    this.#dialect = {
      tableName: (name) => `${sqlSchema(schema)}.${sqlName(name)}`,
      matches: (column, index) =>
        isDistributed && column === 'account_id' ? `${column} = $${index}` : `${column} = ANY($${index}::text[])`,
      // In the select list, Postgres unnests the arrays row by row. In FROM, it would first copy each column.
      // By its full name: of one for anyarray and somebody's own for text[] on the search path, Postgres takes the latter.
      source: (columns) =>
        `SELECT ${columns.map((column, index) => `pg_catalog.unnest($${index + 1}::${arrayType(column)}[])`).join(', ')}`,
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

  *#write(table: Table, rows: readonly object[], key: string, makeText: (table: Table, dialect: SqlDialect) => string) {
    if (rows.length === 0) return
    yield { text: this.#text(key, () => makeText(table, this.#dialect)), values: columnArrays(table, rows) }
  }

  #loadText(kind: LoadKind): string {
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
