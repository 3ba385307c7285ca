import { LedgerUnavailableError } from './errors.ts'

/**
 * The error of a database that an older version made. What was asked can be done once it is migrated, so it is one of those for which usage
 * waits in a spool.
 *
 * @param words  the database's own
 */
export function oldTables(cause: unknown, words: string): LedgerUnavailableError {
  return new LedgerUnavailableError(`the tables are older than this version of Farebox: call migrate() (${words})`, cause)
}
