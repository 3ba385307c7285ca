import type { QueryColumn } from '../driver.ts'
import { LedgerInternalError } from '../errors.ts'
import { decodeJson, encodeJson } from '../sql.ts'
import type { Column, ColumnType, Table } from '../tables.ts'

/** The types of arrays that statements take. Numbers are all 64 bits, and JSON is text. */
export type ArrayType = 'text' | 'bigint' | 'boolean'

export type Element = string | number | bigint | boolean | null | undefined

/** Values of one type, for one parameter of a statement. */
export interface ArrayValue {
  type: ArrayType
  elements: readonly Element[]
}

/** The value of a parameter: an array, or one value as text. */
export type Parameter = ArrayValue | string | null

const arrayTypes: Record<ColumnType, ArrayType> = {
  text: 'text',
  json: 'text',
  bigint: 'bigint',
  integer: 'bigint',
  boolean: 'boolean',
}

/** The type of the elements of the array that carries one column of many rows. */
export function elementType({ type }: Column): ArrayType {
  return arrayTypes[type]
}

/** Turns rows into one array for each column. */
export function columnArrays(table: Table, rows: readonly object[]): ArrayValue[] {
  return table.columns.map((column) => {
    const { property, type } = column
    const given = rows.map((row) => (row as Record<string, Element>)[property])
    return { type: arrayTypes[type], elements: type === 'json' ? given.map((value) => encodeJson(column, value)) : given }
  })
}

/** The one value that all elements have, as text, or `undefined` if they differ. */
export function sameValue({ elements }: ArrayValue): string | null | undefined {
  const first = elements[0] ?? null
  if (elements.some((element) => (element ?? null) !== first)) return undefined
  return first === null ? null : String(first)
}

/** An array as a literal, for clients that send all values as text. */
export function arrayLiteral({ type, elements }: ArrayValue): string {
  const literals = elements.map((element) => {
    if (element === null || element === undefined) return 'NULL'
    return type === 'text' ? quoted(element as string) : String(element)
  })
  return `{${literals.join(',')}}`
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
      return truth(name, value)
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

/** @throws {LedgerInternalError} the client's own parser has made something else of it, which is not to be guessed: 0 is no `true` */
function truth(name: string, value: unknown): boolean {
  if (value === true || value === 't') return true
  if (value === false || value === 'f') return false
  const remedy = "let the Postgres client read bool as true and false, which is pg's default"
  throw new LedgerInternalError(`the ${name} of a row was read as ${String(value)}: ${remedy}`, value)
}

function quoted(text: string): string {
  return `"${text.replace(/["\\]/g, '\\$&')}"`
}
