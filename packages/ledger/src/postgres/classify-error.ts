import { InvalidOptionError, isFareboxError } from '@farebox/core'
import { LedgerInternalError, LedgerUnavailableError, noTables } from '../errors.ts'
import { oldTables } from '../old-tables.ts'

/** Serialization failure, deadlock, and a unique key that another transaction took first: the same batch can be run again. */
const CONFLICTS: ReadonlySet<string> = new Set(['40001', '40P01', '23505'])

/** Whether the transaction lost against another one and can simply be run again. */
export function isConflict(error: unknown): boolean {
  return CONFLICTS.has(codeOf(error))
}

/** A prepared statement is not there, or is there already: both come from behind a pooler, before anything was done. */
export function forgotPrepared(error: unknown): boolean {
  const code = codeOf(error)
  return code === '26000' || code === '42P05'
}

/** Whether it was asked for what only a transaction can have. */
export function lacksTransaction(error: unknown): boolean {
  return codeOf(error) === '25P01'
}

/** What a failure of Postgres or of the way to it means to a caller. Our own errors pass as they are. */
export function unavailable(error: unknown): unknown {
  if (isFareboxError(error)) return error
  const code = codeOf(error)
  // No time will mend it. What it received is not repeated, for it holds a password.
  if (code === 'ERR_INVALID_URL') {
    return new InvalidOptionError(
      'connectionString is no URL: in a password, write what is neither letter nor digit as %23 for #',
    )
  }
  // Tried again and again, so it is no race: somebody used the id for something else. Alone in its batch, it takes nobody with it.
  if (code === '23505') return new LedgerInternalError('an id of this change is taken already, and it was not made', error)
  if (code === '22P05') {
    const problem =
      "a text has a character that the database's encoding has not: keep the ledger in a database with ENCODING 'UTF8'"
    return new LedgerInternalError(problem, error)
  }
  // A value that does not fit its column, a sum that does not, or a key that no index takes: the change is at fault, not the database.
  if (code.startsWith('22') || code.startsWith('54') || code === '23514' || code === '23502') {
    return new LedgerInternalError('a change does not fit the tables of the ledger, and was not made', error)
  }
  if (code === '3D000' || code === '28P01' || code === '28000') {
    return new LedgerUnavailableError(`Postgres refused the connection: ${messageOf(error)}`, error)
  }
  if (code === '42P01') return noTables(error)
  if (code === '42703') return oldTables(error, messageOf(error))
  return new LedgerUnavailableError(`Postgres failed: ${messageOf(error)}`, error)
}

function codeOf(error: unknown): string {
  const code = typeof error === 'object' && error !== null && 'code' in error ? error.code : undefined
  return typeof code === 'string' ? code : ''
}

function messageOf(error: unknown): string {
  // A refused connection to a name with several addresses arrives as an AggregateError without a message of its own.
  if (error instanceof AggregateError) return error.errors.map(messageOf).join('; ')
  return error instanceof Error ? error.message || codeOf(error) : String(error)
}
