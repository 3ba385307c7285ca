import { LedgerUnavailableError } from '../errors.ts'
import { messageOf } from './classify-error.ts'
import type { SqliteDatabase } from './handle.ts'
import { loadBetterSqlite, withoutNativePart } from './load-better-sqlite.ts'

/** Opens a file through better-sqlite3, or a copy of a database in memory. Makes the file unless it must exist. */
export async function openFile(
  filename: string | Buffer,
  { fileMustExist = false }: { fileMustExist?: boolean } = {},
): Promise<SqliteDatabase> {
  const Database = await loadBetterSqlite()
  try {
    return new Database(filename, { timeout: 0, fileMustExist })
  } catch (error) {
    const name = typeof filename === 'string' ? `the SQLite file ${filename}` : 'a copy of the SQLite database'
    const unopened = `cannot open ${name}: ${messageOf(error)}`
    throw withoutNativePart(error) ?? new LedgerUnavailableError(unopened, error)
  }
}

export function isInMemory(filename: string): boolean {
  return filename.startsWith(':memory:')
}
