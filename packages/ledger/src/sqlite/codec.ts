import type { QueryColumn } from '../driver.ts'
import { decodeJson, encodeJson } from '../sql.ts'
import type { Column, Table } from '../tables.ts'

/** Encodes a row as SQLite binds it, in the order of the table's columns. */
export function encodeRow(table: Table, row: object): unknown[] {
  const values = row as Record<string, unknown>
  const encoded = new Array<unknown>(table.columns.length)
  for (let index = 0; index < encoded.length; index++) {
    const column = table.columns[index] as Column
    encoded[index] = encodeValue(column, values[column.property])
  }
  return encoded
}

/** Decodes a row as SQLite returns it: integers are `bigint`. */
export function decodeRow(table: Table, values: readonly unknown[]): object {
  const row: Record<string, unknown> = {}
  for (let index = 0; index < table.columns.length; index++) {
    const column = table.columns[index] as Column
    row[column.property] = decodeValue(column.property, column, values[index])
  }
  return row
}

export function decodeValue(name: string, column: QueryColumn, value: unknown): unknown {
  if (value === null || value === undefined) return null
  switch (typeof column === 'string' ? column : column.type) {
    case 'integer':
      return Number(value)
    case 'bigint':
      return BigInt(value as bigint)
    case 'boolean':
      return Number(value) !== 0
    case 'json':
      return decodeJson(name, typeof column === 'string' ? {} : column, value as string)
    default:
      return value
  }
}

function encodeValue(column: Column, value: unknown): unknown {
  if (column.type === 'json') return encodeJson(column, value)
  if (column.type === 'boolean') return value ? 1n : 0n
  return value ?? null
}
