import { InvalidOptionError } from '@farebox/core'
import { LedgerUnavailableError } from '../errors.ts'
import type { SqliteDatabase, SqliteStatement } from './handle.ts'

/** The part of better-sqlite3 that opens a file. */
export type BetterSqlite = new (
  filename: string,
  options: { timeout: number; readonly?: boolean; fileMustExist?: boolean },
) => Omit<SqliteDatabase, 'prepare'> & {
  prepare(text: string): SqliteStatement & { iterate(...values: unknown[]): Iterable<unknown> }
}

/**
 * Loads better-sqlite3 on demand, because it is an optional dependency.
 *
 * @throws {InvalidOptionError} this version of Node is too old for it
 * @throws {LedgerUnavailableError} better-sqlite3 is not installed
 */
export async function loadBetterSqlite(): Promise<BetterSqlite> {
  // On older versions, better-sqlite3 13 crashes the process without a message.
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
