export { type SqliteDatabase, type SqliteOptions, type SqliteStatement, sqlite } from './driver.ts'
