import { LedgerInternalError, LedgerUnavailableError, noTables } from '../errors.ts'
import { oldTables } from '../old-tables.ts'

/** The host has a transaction under way on the handle that it shares with the ledger. It passes like another process's. */
export class HandleBusyError extends Error {
  readonly code = 'SQLITE_BUSY'
}

/** What better-sqlite3 says, without a code, of a handle whose rows are being read one by one, and of one that was closed. */
const READING = 'This database connection is busy executing a query'
const CLOSED = 'The database connection is not open'

/** What a failure of SQLite means to a caller. Our own errors pass as they are. */
export function explained(error: unknown): unknown {
  const code = codeOf(error)
  // A value that does not fit its column, or a sum that does not: the change is at fault, not the database.
  if (code.startsWith('SQLITE_CONSTRAINT') || code === 'SQLITE_TOOBIG' || error instanceof RangeError) {
    return new LedgerInternalError('a change does not fit the tables of the ledger, and was not made', error)
  }
  if (code === 'SQLITE_ERROR' && messageOf(error).startsWith('no such table')) return noTables(error)
  if (code === 'SQLITE_ERROR' && /no such column|has no column named/.test(messageOf(error)))
    return oldTables(error, messageOf(error))
  if (messageOf(error) === READING)
    return new LedgerUnavailableError('the host has not read to its end what it reads row by row from this database', error)
  if (messageOf(error) === CLOSED) return new LedgerUnavailableError('the host has closed this database', error)
  return code.startsWith('SQLITE_') ? new LedgerUnavailableError(`SQLite failed: ${messageOf(error)}`, error) : error
}

/** Whether somebody else has the file, or the handle, at this moment. */
export function isBusy(error: unknown): boolean {
  return isHandleBusy(error) || codeOf(error).startsWith('SQLITE_BUSY') || codeOf(error).startsWith('SQLITE_LOCKED')
}

/** Whether it is the host that has the handle which it shares with the ledger. */
export function isHandleBusy(error: unknown): boolean {
  return error instanceof HandleBusyError || messageOf(error) === READING
}

export function codeOf(error: unknown): string {
  const code = typeof error === 'object' && error !== null && 'code' in error ? error.code : undefined
  return typeof code === 'string' ? code : ''
}

export function messageOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error)
}
