import { LedgerUnavailableError } from './errors.ts'

/**
 * The error for a database whose tables are from an older version. The change can succeed once the database is migrated, so the
 * error is one for which usage is spooled.
 *
 * @param words  the database's own message
 */
export function oldTables(cause: unknown, words: string): LedgerUnavailableError {
  return new LedgerUnavailableError(`the tables are older than this version of Farebox: call migrate() (${words})`, cause)
}
