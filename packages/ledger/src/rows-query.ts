import type { Query } from './driver.ts'
import type { Rows, TableName } from './rows.ts'
import { tables } from './tables.ts'

/** A query for rows of one table. `rest` is everything after `FROM table`, and `without` names columns to leave out, by property. */
export function rowsQuery<Name extends TableName>(
  name: Name,
  rest: string,
  values: Query['values'],
  without: readonly (keyof Rows[Name])[] = [],
): Query {
  const columns = tables[name].columns.filter(({ property }) => !(without as readonly string[]).includes(property))
  return {
    text: `SELECT ${columns.map((column) => column.name).join(', ')} FROM {${name}} ${rest}`,
    values,
    columns: Object.fromEntries(
      columns.map(({ property, type, readAs, decode }) => [property, { type: readAs ?? type, decode }]),
    ),
  }
}

/** Rows of one table. */
export type RowsOf<Name extends TableName> = Rows[Name][]
