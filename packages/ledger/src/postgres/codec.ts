import type { QueryColumn } from '../driver.ts'
import { decodeJson, encodeJson } from '../sql.ts'
import type { Column, Table } from '../tables.ts'

/** The type of the array that carries one column of many rows. */
export function arrayType(column: Column): string {
  return { text: 'text[]', json: 'text[]', bigint: 'bigint[]', integer: 'bigint[]', boolean: 'boolean[]' }[column.type]
}

/**
 * Rows as Postgres takes them: one array per column, as text. `pg` would write the same text, and spend more on escaping it than the
 * state machine spends on deciding it. Most columns repeat what the row before them says, and then its text is taken again.
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

/** Texts as Postgres takes them in one array. */
export function encodeTexts(texts: readonly (string | undefined)[]): string {
  return `{${texts.map((text) => (text === undefined ? 'NULL' : quoted(text))).join(',')}}`
}

/** A row as Postgres gives it: 64-bit integers are strings. */
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
      return BigInt(value as string)
    case 'boolean':
      return value === true || value === 't'
    case 'json':
      return decodeJson(name, typeof column === 'string' ? {} : column, value as string)
    default:
      return value
  }
}

function quoted(text: string): string {
  // Twice as fast as one pattern for both: the texts of the journal are JSON, which is full of the second and has hardly any of the first.
  const escaped = text.includes('\\') ? text.replaceAll('\\', '\\\\') : text
  return `"${escaped.replaceAll('"', '\\"')}"`
}
