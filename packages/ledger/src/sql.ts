import type { TableName } from './rows.ts'
import { CARRY, type Column, type Load, type LoadKind, loads, type Table, tables } from './tables.ts'
import { parseColumn } from './unreadable-row.ts'

/** Where the two databases differ in the same statement. */
export interface SqlDialect {
  /** The full name of a table of the ledger. */
  tableName(name: TableName): string
  /** Says by which index to read, where the database does not find that out. */
  indexedBy?(name: string): string
  /** The condition that a column is one of the values of parameter `index` (1-based). */
  matches(column: string, index: number): string
  /** The rows to insert, as the source of an `INSERT`. */
  source(columns: readonly Column[]): string
}

/** The name of a table in SQL. */
export function sqlName(name: TableName): string {
  return `farebox_${name}`
}

/**
 * The name of a schema in SQL. Quoted, since `order` and `user` are keywords, except the usual one, which reads better without.
 */
export function sqlSchema(name: string): string {
  return name === 'public' ? name : `"${name}"`
}

/** Replaces `{holds}` by the full name of that table. */
export function nameTables(text: string, tableName: (name: TableName) => string): string {
  return text.replace(/\{(\w+)\}/g, (_, name: TableName) => tableName(name))
}

/** Reads the rows of one load request. */
export function loadStatement(kind: LoadKind, dialect: SqlDialect): string {
  const { table, by, where, first, index }: Load = loads[kind]
  const conditions = by.map((column, position) => dialect.matches(column, position + 1))
  if (where !== undefined) conditions.push(where)
  const source = dialect.tableName(table) + (index === undefined ? '' : (dialect.indexedBy?.(index) ?? ''))
  return `SELECT ${columnNames(tables[table])} FROM ${source} WHERE ${conditions.join(' AND ')}${first ? ` ORDER BY ${first}` : ''}`
}

/** Adds rows to one table. Columns that are not `given` become null. */
export function insertStatement(table: Table, dialect: SqlDialect, given: readonly Column[] = table.columns): string {
  const target = dialect.tableName(table.name)
  return `INSERT INTO ${target} AS stored (${given.map(({ name }) => name).join(', ')}) ${dialect.source(given)}`
}

/** Writes changed rows of one table. Columns that are not `given` become null. */
export function writeStatement(table: Table, dialect: SqlDialect, given: readonly Column[] = table.columns): string {
  const insert = insertStatement(table, dialect, given)
  if (table.mode === 'insert') return insert
  const updates = table.columns
    .filter(({ name }) => !table.primaryKey.includes(name))
    .map((column) => `${column.name} = ${table.mode === 'add' ? addition(table, column) : `excluded.${column.name}`}`)
  return `${insert} ON CONFLICT (${table.primaryKey.join(', ')}) DO UPDATE SET ${updates.join(', ')}`
}

/** The new value of a counter. A counter with a carry column keeps only the remainder, so that neither outgrows an integer. */
function addition(table: Table, { name, property, carriesTo }: Column): string {
  const sum = `stored.${name} + excluded.${name}`
  if (carriesTo !== undefined) return `(${sum}) % ${CARRY}`
  const from = table.columns.find((column) => column.carriesTo === property)
  return from ? `${sum} + (stored.${from.name} + excluded.${from.name}) / ${CARRY}` : sum
}

/** Updates some columns of an existing row. Its parameters are their values, then those of the primary key. */
export function updateStatement(table: Table, dialect: SqlDialect, changed: readonly Column[]): string {
  const updates = changed.map(({ name }) => `${name} = ?`).join(', ')
  const key = table.primaryKey.map((name, index) => dialect.matches(name, changed.length + index + 1)).join(' AND ')
  return `UPDATE ${dialect.tableName(table.name)} SET ${updates} WHERE ${key}`
}

export function columnNames(table: Table): string {
  return table.columns.map(({ name }) => name).join(', ')
}

/** The JSON text of a value for a `json` column. Null stays null. */
export function encodeJson(column: Column, value: unknown): string | null {
  if (value === null || value === undefined) return null
  return JSON.stringify(column.encode ? column.encode(value as never) : value)
}

/** The value in a `json` column. @throws {UnreadableRowError} it is not what the ledger wrote there */
export function decodeJson(name: string, { decode }: Pick<Column, 'decode'>, text: string | null): unknown {
  return text === null ? null : parseColumn(name, text, decode)
}
