import { InvalidOptionError } from '@farebox/core'
import { LedgerUnavailableError } from '../errors.ts'
import type { SqliteDatabase, SqliteStatement } from './handle.ts'

/** The slice of better-sqlite3 that opens a file. */
export type BetterSqlite = new (
  filename: string,
  options: { timeout: number; readonly?: boolean; fileMustExist?: boolean },
) => Omit<SqliteDatabase, 'prepare'> & {
  prepare(text: string): SqliteStatement & { iterate(...values: unknown[]): Iterable<unknown> }
}

/**
 * The package is loaded only when it is used, since a user installs only what they use.
 *
 * @throws {InvalidOptionError} this Node is too old for it
 * @throws {LedgerUnavailableError} it is not installed
 */
export async function loadBetterSqlite(): Promise<BetterSqlite> {
  // better-sqlite3 13 crashes the process on older versions, without a message.
  const [major = 0, minor = 0] = process.versions.node.split('.').map(Number)
  if (major < 22 || (major === 22 && minor < 14)) {
    throw new InvalidOptionError(`@farebox/ledger/sqlite needs Node 22.14 or later, this is ${process.versions.node}`)
  }
  try {
    return (await import('better-sqlite3')).default
  } catch (error) {
    throw new LedgerUnavailableError('better-sqlite3 cannot be loaded: install it beside @farebox/ledger', error)
  }
}
