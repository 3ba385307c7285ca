export { type SqliteDatabase, type SqliteOptions, sqlite } from './driver.ts'
