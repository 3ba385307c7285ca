/** The part of a better-sqlite3 database that the ledger uses. */
export interface SqliteDatabase {
  readonly open: boolean
  readonly inTransaction: boolean
  prepare(text: string): SqliteStatement
  exec(text: string): unknown
  pragma(text: string): unknown
  /** The whole database as a file would hold it. */
  serialize(): Buffer
  close(): unknown
}

/** The part of a better-sqlite3 statement that the ledger uses. */
export interface SqliteStatement {
  readonly reader: boolean
  safeIntegers(isOn: boolean): this
  raw(isOn: boolean): this
  all(...values: unknown[]): unknown[]
  iterate(...values: unknown[]): Iterable<unknown>
  run(...values: unknown[]): unknown
}
