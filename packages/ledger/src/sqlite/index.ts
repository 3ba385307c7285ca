export { type SqliteOptions, type SqliteWriter, sqlite } from './driver.ts'
export type { SqliteDatabase, SqliteStatement } from './handle.ts'
export { readSqliteBalances, type SqliteBalancesOptions } from './read-balances.ts'
