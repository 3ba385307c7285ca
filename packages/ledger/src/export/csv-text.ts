import { stringify } from 'csv-stringify/sync'

/** Cells that begin like this are run as formulas by spreadsheets (OWASP, "CSV injection"). */
const FORMULA = /^[=+\-@\t\r\uFF1D\uFF0B\uFF0D\uFF20]/
const NUMBER = /^-?\d+(\.\d+)?$/

/**
 * Rows as CSV (RFC 4180, lines end in CR LF). A text that a spreadsheet would take for a formula gets an apostrophe before it; numbers stay as they
 * are.
 *
 * @param columns  the fields in their order; a row that lacks one has an empty cell
 */
export function csvText(columns: readonly string[], rows: readonly object[]): string {
  const cells = rows.map((row) => columns.map((column) => cellOf((row as Record<string, unknown>)[column])))
  // Half a line's end is one to most readers.
  return stringify(cells, { record_delimiter: 'windows', quoted_match: /[\r\n]/ })
}

function cellOf(value: unknown): string {
  if (value === null || value === undefined) return ''
  const text = String(value)
  return FORMULA.test(text) && !NUMBER.test(text) ? `'${text}` : text
}
