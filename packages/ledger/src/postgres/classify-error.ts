import { InvalidOptionError, isFareboxError } from '@farebox/core'
import { LedgerInternalError, LedgerUnavailableError, noTables } from '../errors.ts'
import { oldTables } from '../old-tables.ts'
import { RefusedChangeError } from '../refused-change-error.ts'

/** Serialization failure, deadlock, and a unique key that another transaction took first. All can be retried. */
const CONFLICTS: ReadonlySet<string> = new Set(['40001', '40P01', '23505'])

/** The classes of what does not fit: data exceptions, violated constraints and exceeded limits. */
const MISFITS = /^(?:22|23|54)/

/** Whether the transaction conflicted with another one and can simply be retried. */
export function isConflict(error: unknown): boolean {
  return CONFLICTS.has(codeOf(error))
}

/** Whether a prepared statement is missing, or exists already. Both happen behind a pooler, before anything was done. */
export function forgotPrepared(error: unknown): boolean {
  const code = codeOf(error)
  return code === '26000' || code === '42P05'
}

/** Whether a statement that needs a transaction ran outside one. */
export function lacksTransaction(error: unknown): boolean {
  return codeOf(error) === '25P01'
}

/** Translates a failure of Postgres or the connection into the error the caller sees. Farebox errors pass unchanged. */
export function unavailable(error: unknown): unknown {
  if (isFareboxError(error)) return error
  const code = codeOf(error)
  // V8's own, which has no code: the values of a whole batch are longer than a string can be. Each change alone may fit.
  if (error instanceof RangeError && code === '') {
    return new LedgerInternalError('a change is too long, and was not made', error)
  }
  // Retrying cannot help. The message does not repeat the value, because it contains a password.
  if (code === 'ERR_INVALID_URL' || error instanceof URIError) {
    return new InvalidOptionError(
      'connectionString is no URL: in a password, write what is neither letter nor digit as %23 for #, and % as %25',
    )
  }
  // A host's trigger has raised an error of its own, or does not find what it needs: it, not the ledger, lacks a table or a right.
  const where = functionOf(error)
  const isRaised = code.startsWith('P0') || (isByRaise(error) && !MISFITS.test(code))
  if (isRaised) return new RefusedChangeError(`Postgres refused a change: ${messageOf(error)}${where}`, error)
  if (code.startsWith('42') && where !== '')
    return new LedgerUnavailableError(`Postgres failed: ${messageOf(error)}${where}`, error)
  // The retries failed too, so this is no race: the id is in use for something else. Retried alone, it fails no other change.
  if (code === '23505') {
    const problem = `an id of this change is already taken; nothing was changed: ${messageOf(error)}`
    return new LedgerInternalError(problem, error)
  }
  if (code === '22P05') {
    const problem =
      "a text has a character that the database's encoding lacks: keep the ledger in a database with ENCODING 'UTF8'"
    return new LedgerInternalError(problem, error)
  }
  // A value or a sum does not fit its column, a key its index, or a row what the host demands: the change is at fault, not the database.
  if (MISFITS.test(code)) {
    const problem = `a change does not fit the ledger's tables; nothing was changed: ${messageOf(error)}${where}`
    return new LedgerInternalError(problem, error)
  }
  if (code === '42P01') return noTables(error)
  if (code === '42703') return oldTables(error, messageOf(error))
  return new LedgerUnavailableError(`Postgres failed: ${messageOf(error)}`, error)
}

/** Translates a failure to connect. Whatever its code, no change is at fault: a setting of the connection may not be valid. */
export function notConnected(error: unknown): unknown {
  const isToldByServer = typeof error === 'object' && error !== null && 'severity' in error
  if (!isToldByServer) return unavailable(error)
  return new LedgerUnavailableError(`Postgres refused the connection: ${messageOf(error)}`, error)
}

function codeOf(error: unknown): string {
  const code = typeof error === 'object' && error !== null && 'code' in error ? error.code : undefined
  return typeof code === 'string' ? code : ''
}

/** The function in which Postgres failed, in brackets: the outermost, which is the one that the host gave a table of the ledger. */
function functionOf(error: unknown): string {
  const outermost = whereOf(error).at(-1)
  return outermost === undefined ? '' : ` (${outermost})`
}

/** Whether a function raised the error by a statement of its own, which may give it any code. */
function isByRaise(error: unknown): boolean {
  return whereOf(error)[0]?.endsWith(' RAISE') ?? false
}

/** Where Postgres failed: a line for each statement and function, the innermost first. */
function whereOf(error: unknown): string[] {
  const where = typeof error === 'object' && error !== null && 'where' in error ? error.where : undefined
  return typeof where === 'string' ? where.split('\n') : []
}

function messageOf(error: unknown): string {
  // If a host name has several addresses and all refuse, the error is an AggregateError without a message of its own.
  if (error instanceof AggregateError) return error.errors.map(messageOf).join('; ')
  return error instanceof Error ? error.message || codeOf(error) : String(error)
}
