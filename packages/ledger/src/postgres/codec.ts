import type { QueryColumn } from '../driver.ts'
import { LedgerInternalError } from '../errors.ts'
import { decodeJson, encodeJson } from '../sql.ts'
import type { Column, Table } from '../tables.ts'

/** The Postgres array type that carries one column of many rows. */
export function arrayType(column: Column): string {
  return { text: 'text[]', json: 'text[]', bigint: 'bigint[]', integer: 'bigint[]', boolean: 'boolean[]' }[column.type]
}

/**
 * Encodes rows for Postgres: one array literal per column. `pg` would produce the same text, but spend more time on escaping it
 * than the state machine needs for the batch. Most columns repeat the value of the row before, so its text is reused.
 */
export function encodeColumns(table: Table, rows: readonly object[]): string[] {
  return table.columns.map((column) => {
    const { property, type } = column
    let text = ''
    let last: unknown
    let element = 'NULL'
    for (const row of rows) {
      const given = (row as Record<string, unknown>)[property]
      const value = type === 'json' ? encodeJson(column, given) : given
      if (value !== last) {
        last = value
        if (value === null || value === undefined) element = 'NULL'
        else element = type === 'text' || type === 'json' ? quoted(value as string) : String(value)
      }
      text += text === '' ? element : `,${element}`
    }
    return `{${text}}`
  })
}

/** Encodes texts as one Postgres array literal. */
export function encodeTexts(texts: readonly (string | undefined)[]): string {
  return `{${texts.map((text) => (text === undefined ? 'NULL' : quoted(text))).join(',')}}`
}

/** Decodes a row as Postgres returns it: 64-bit integers are strings. */
export function decodeRow(table: Table, values: readonly unknown[]): object {
  const row: Record<string, unknown> = {}
  table.columns.forEach((column, index) => {
    row[column.property] = decodeValue(column.property, column, values[index])
  })
  return row
}

export function decodeValue(name: string, column: QueryColumn, value: unknown): unknown {
  if (value === null || value === undefined) return null
  switch (typeof column === 'string' ? column : column.type) {
    case 'integer':
      return Number(value)
    case 'bigint':
      return exact(name, value)
    case 'boolean':
      return value === true || value === 't'
    case 'json':
      return decodeJson(name, typeof column === 'string' ? {} : column, value as string)
    default:
      return value
  }
}

/** @throws {LedgerInternalError} the client's own parser has made a number of it, and may have rounded it */
function exact(name: string, value: unknown): bigint {
  if (typeof value !== 'number' || Number.isSafeInteger(value)) return BigInt(value as string)
  const remedy = "let the Postgres client read int8 and numeric as text, which is pg's default"
  throw new LedgerInternalError(`the ${name} of a row was read as a number, which cannot hold it exactly: ${remedy}`, value)
}

function quoted(text: string): string {
  // Twice as fast as one pattern for both: the journal's texts are JSON, full of quotes and with hardly a backslash.
  const escaped = text.includes('\\') ? text.replaceAll('\\', '\\\\') : text
  return `"${escaped.replaceAll('"', '\\"')}"`
}
