import { LedgerInternalError, LedgerUnavailableError, noTables } from '../errors.ts'
import { oldTables } from '../old-tables.ts'

/** The host has a transaction open on the handle it shares with the ledger. Like another process's lock, it will pass. */
export class HandleBusyError extends Error {
  readonly code = 'SQLITE_BUSY'
}

/** Messages that better-sqlite3 throws without a code: for a handle that is iterating over rows, and for a closed one. */
const READING = 'This database connection is busy executing a query'
const CLOSED = 'The database connection is not open'

/** Translates a SQLite failure into the error the caller sees. Farebox errors pass through unchanged. */
export function explained(error: unknown): unknown {
  const code = codeOf(error)
  // A value or a sum does not fit its column: the change is at fault, not the database.
  if (code.startsWith('SQLITE_CONSTRAINT') || code === 'SQLITE_TOOBIG' || error instanceof RangeError) {
    return new LedgerInternalError("a change does not fit the ledger's tables; nothing was changed", error)
  }
  if (code === 'SQLITE_ERROR' && messageOf(error).startsWith('no such table')) return noTables(error)
  if (code === 'SQLITE_ERROR' && /no such (column|index)|has no column named/.test(messageOf(error)))
    return oldTables(error, messageOf(error))
  if (messageOf(error) === READING)
    return new LedgerUnavailableError('the host has not read to its end what it reads row by row from this database', error)
  if (messageOf(error) === CLOSED) return new LedgerUnavailableError('the host has closed this database', error)
  return code.startsWith('SQLITE_') ? new LedgerUnavailableError(`SQLite failed: ${messageOf(error)}`, error) : error
}

/** Whether another process holds the file, or the host its handle, at this moment. */
export function isBusy(error: unknown): boolean {
  return isHandleBusy(error) || codeOf(error).startsWith('SQLITE_BUSY') || codeOf(error).startsWith('SQLITE_LOCKED')
}

/** Whether a write found no room: the disk is full, or the file may not grow any more. */
export function isOutOfRoom(error: unknown): boolean {
  return codeOf(error) === 'SQLITE_FULL' || codeOf(error) === 'SQLITE_IOERR_WRITE'
}

/** Whether the host is using the handle it shares with the ledger. */
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
