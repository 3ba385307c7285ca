import type { Query } from './driver.ts'
import type { Rows, TableName } from './rows.ts'
import { columnNames } from './sql.ts'
import { tables } from './tables.ts'

/** A query for whole rows of one table. `rest` is everything after `FROM table`. */
export function rowsQuery<Name extends TableName>(name: Name, rest: string, values: Query['values']): Query {
  const table = tables[name]
  return {
    text: `SELECT ${columnNames(table)} FROM {${name}} ${rest}`,
    values,
    columns: Object.fromEntries(
      table.columns.map(({ property, type, readAs, decode }) => [property, { type: readAs ?? type, decode }]),
    ),
  }
}

/** Rows of one table. */
export type RowsOf<Name extends TableName> = Rows[Name][]
