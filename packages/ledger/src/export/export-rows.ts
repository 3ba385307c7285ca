import { csvText } from './csv-text.ts'

/** Pages of rows as CSV: a line of names, also where there is no row, then a text for each page. */
export async function* csvPages<Row>(
  columns: readonly string[],
  pages: AsyncIterable<readonly Row[]>,
  toFields: (rows: readonly Row[]) => Promise<readonly object[]> | readonly object[],
): AsyncGenerator<string, void, undefined> {
  yield csvText(columns, [Object.fromEntries(columns.map((column) => [column, column]))])
  for await (const rows of pages) yield csvText(columns, await toFields(rows))
}

/** Tells of each page before it is passed on. */
export async function* counted<Row>(
  pages: AsyncIterable<readonly Row[]>,
  onRecords: ((count: number) => void) | undefined,
): AsyncGenerator<readonly Row[], void, undefined> {
  for await (const rows of pages) {
    onRecords?.(rows.length)
    yield rows
  }
}

/** Pages of rows as JSON, an object on each line. */
export async function* jsonPages<Row>(
  pages: AsyncIterable<readonly Row[]>,
  toObject: (row: Row) => object,
): AsyncGenerator<string, void, undefined> {
  for await (const rows of pages) yield rows.map((row) => `${JSON.stringify(toObject(row))}\n`).join('')
}
