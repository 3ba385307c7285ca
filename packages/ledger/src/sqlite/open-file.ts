import { LedgerUnavailableError } from '../errors.ts'
import { messageOf } from './classify-error.ts'
import type { SqliteDatabase } from './handle.ts'
import { loadBetterSqlite } from './load-better-sqlite.ts'

/** Opens a file through better-sqlite3. */
export async function openFile(filename: string): Promise<SqliteDatabase> {
  const Database = await loadBetterSqlite()
  try {
    return new Database(filename, { timeout: 0 })
  } catch (error) {
    throw new LedgerUnavailableError(`cannot open the SQLite file ${filename}: ${messageOf(error)}`, error)
  }
}

export function isInMemory(filename: string): boolean {
  return filename === '' || filename.startsWith(':memory:')
}
