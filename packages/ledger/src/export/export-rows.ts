import { csvText } from './csv-text.ts'

/** Formats pages of rows as CSV: a header line, even without rows, then one text per page. */
export async function* csvPages<Row>(
  columns: readonly string[],
  pages: AsyncIterable<readonly Row[]>,
  toFields: (rows: readonly Row[]) => Promise<readonly object[]> | readonly object[],
): AsyncGenerator<string, void, undefined> {
  yield csvText(columns, [Object.fromEntries(columns.map((column) => [column, column]))])
  for await (const rows of pages) yield csvText(columns, await toFields(rows))
}

/** Passes pages on, and calls `onRecords` before each. */
export async function* counted<Row>(
  pages: AsyncIterable<readonly Row[]>,
  onRecords: ((count: number) => void) | undefined,
): AsyncGenerator<readonly Row[], void, undefined> {
  for await (const rows of pages) {
    onRecords?.(rows.length)
    yield rows
  }
}

/** Formats pages of rows as JSON, one object per line. */
export async function* jsonPages<Row>(
  pages: AsyncIterable<readonly Row[]>,
  toObject: (row: Row) => object,
): AsyncGenerator<string, void, undefined> {
  for await (const rows of pages) yield rows.map((row) => `${JSON.stringify(toObject(row))}\n`).join('')
}
