export { type SqliteDatabase, type SqliteOptions, type SqliteStatement, sqlite } from './driver.ts'
export { readSqliteBalances, type SqliteBalancesOptions } from './read-balances.ts'
