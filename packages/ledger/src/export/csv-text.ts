import { stringify } from 'csv-stringify/sync'

/** Spreadsheets run cells that begin like this as formulas (OWASP, "CSV injection"). */
const FORMULA = /^[=+\-@\t\r\uFF1D\uFF0B\uFF0D\uFF20]/
const NUMBER = /^-?\d+(\.\d+)?$/

/**
 * Formats rows as CSV (RFC 4180, lines end in CR LF). Text that a spreadsheet would run as a formula is prefixed with an
 * apostrophe. Numbers stay as they are.
 *
 * @param columns  the fields in order; a row that lacks one gets an empty cell
 */
export function csvText(columns: readonly string[], rows: readonly object[]): string {
  const cells = rows.map((row) => columns.map((column) => cellOf((row as Record<string, unknown>)[column])))
  // Most readers take a lone CR or LF for a line end, so such cells are quoted.
  return stringify(cells, { record_delimiter: 'windows', quoted_match: /[\r\n]/ })
}

function cellOf(value: unknown): string {
  if (value === null || value === undefined) return ''
  const text = String(value)
  return FORMULA.test(text) && !NUMBER.test(text) ? `'${text}` : text
}
