/** The part of a better-sqlite3 database that the ledger uses. */
export interface SqliteDatabase {
  readonly open: boolean
  readonly inTransaction: boolean
  prepare(text: string): SqliteStatement
  exec(text: string): unknown
  pragma(text: string): unknown
  close(): unknown
}

/** The part of a better-sqlite3 statement that the ledger uses. */
export interface SqliteStatement {
  readonly reader: boolean
  safeIntegers(isOn: boolean): this
  raw(isOn: boolean): this
  all(...values: unknown[]): unknown[]
  run(...values: unknown[]): unknown
}
