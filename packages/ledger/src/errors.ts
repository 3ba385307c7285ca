import { FareboxError } from '@farebox/core'
import type { Failure } from './operations.ts'

/** A field of a call is missing, malformed or out of range. Nothing was changed. */
export class InvalidInputError extends FareboxError {
  override readonly code = 'INVALID_INPUT'
  /** The field at fault: `amount`, `usage.quantity`. */
  readonly field: string

  constructor(field: string, problem: string) {
    super(`${field} ${problem}`)
    this.field = field
  }
}

/** The account, hold, workflow or key that a call names does not exist in that account. */
export class NotFoundError extends FareboxError {
  override readonly code: Extract<Failure, { code: `${string}_NOT_FOUND` }>['code']
  readonly id: string

  constructor(code: NotFoundError['code'], id: string) {
    super(`no ${code.replace('_NOT_FOUND', '').replace('_', ' ').toLowerCase().replace('api', 'API')} ${JSON.stringify(id)}`)
    this.code = code
    this.id = id
  }
}

/** The idempotency key was used before, with other content. Nothing was changed. */
export class IdempotencyConflictError extends FareboxError {
  override readonly code = 'IDEMPOTENCY_CONFLICT'
  readonly idempotencyKey: string
  /** The fields whose values differ from the first call's. */
  readonly differs: readonly string[]

  constructor(idempotencyKey: string, differs: readonly string[]) {
    super(`idempotency key ${JSON.stringify(idempotencyKey)} was used before with another ${differs.join(', ')}`)
    this.idempotencyKey = idempotencyKey
    this.differs = differs
  }
}

/** Something of that id exists already, made under another idempotency key. */
export class AlreadyExistsError extends FareboxError {
  override readonly code = 'ALREADY_EXISTS'
  readonly id: string

  constructor(what: string, id: string) {
    super(`${what} ${JSON.stringify(id)} exists already`)
    this.id = id
  }
}

/** The change would take a balance beyond what a signed 64-bit integer of micro-credits holds. */
export class AmountOutOfRangeError extends FareboxError {
  override readonly code = 'AMOUNT_OUT_OF_RANGE'
  readonly field: string

  constructor(field: string) {
    super(`${field} would exceed the largest amount that the ledger can hold`)
    this.field = field
  }
}

/** The database could not be reached, or gave up. What was asked may or may not have happened: send it again under the same key. */
export class LedgerUnavailableError extends FareboxError {
  override readonly code = 'LEDGER_UNAVAILABLE'
  override readonly isRetryable = true
  /** The message may hold the database's words. */
  override readonly isSafe = false

  constructor(message: string, cause?: unknown) {
    super(message, cause === undefined ? undefined : { cause })
  }
}

/**
 * The database is away, and the usage is safe on this machine's disk: it is charged once, when the database is back. Thrown only by a
 * ledger that was given a spool. Do not send the usage again under another key.
 */
export class UsageSpooledError extends FareboxError {
  override readonly code = 'USAGE_SPOOLED'
  /** The record that the usage will have. */
  readonly usageId: string

  constructor(usageId: string, cause: unknown) {
    super(`the database is away: usage ${JSON.stringify(usageId)} was spooled, and is charged when it is back`, { cause })
    this.usageId = usageId
  }
}

/** More changes are waiting than the queue takes. Nothing was changed. */
export class LedgerOverloadedError extends FareboxError {
  override readonly code = 'LEDGER_OVERLOADED'
  override readonly isRetryable = true
  /** How long those that wait will probably take, in milliseconds. */
  readonly retryAfterMs: number

  constructor(message: string, retryAfterMs: number) {
    super(message)
    this.retryAfterMs = retryAfterMs
  }
}

/** The ledger was closed, and takes no more calls. */
export class LedgerClosedError extends FareboxError {
  override readonly code = 'LEDGER_CLOSED'
}

/** A defect of the ledger, or a row that somebody else changed. The batch was rolled back; other changes go on. */
export class LedgerInternalError extends FareboxError {
  override readonly code = 'LEDGER_INTERNAL'
  override readonly isSafe = false

  constructor(message: string, cause: unknown) {
    super(message, { cause })
  }
}

/** The database's tables are absent, older or newer than this code. */
export class SchemaVersionError extends FareboxError {
  override readonly code = 'SCHEMA_VERSION'
}

/** The error of a database that was never migrated. */
export function noTables(cause: unknown): SchemaVersionError {
  return new SchemaVersionError('the ledger has no tables in this database yet: call migrate() first', { cause })
}

/** The error that a failure of the state machine stands for. */
export function errorOf(failure: Failure): FareboxError {
  switch (failure.code) {
    case 'IDEMPOTENCY_CONFLICT':
      return new IdempotencyConflictError(failure.idempotencyKey, failure.differs)
    case 'ALREADY_EXISTS':
      return new AlreadyExistsError(failure.what, failure.id)
    case 'AMOUNT_OUT_OF_RANGE':
      return new AmountOutOfRangeError(failure.field)
    case 'INVALID_INPUT':
      return new InvalidInputError(failure.field, failure.problem)
    default:
      return new NotFoundError(failure.code, failure.id)
  }
}
