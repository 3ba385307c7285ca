import { FareboxError } from '@farebox/core'
import type { Failure } from './operations.ts'

/** Thrown when a field of a call is missing, malformed or out of range. Nothing was changed. */
export class InvalidInputError extends FareboxError {
  override readonly code = 'INVALID_INPUT'
  /** The field at fault: `amount`, `usage.quantity`. */
  readonly field: string

  constructor(field: string, problem: string) {
    super(`${field} ${problem}`)
    this.field = field
  }
}

/** Thrown when a call names something that does not exist in its account: a hold, workflow, key or the account itself. */
export class NotFoundError extends FareboxError {
  override readonly code: Extract<Failure, { code: `${string}_NOT_FOUND` }>['code']
  readonly id: string

  constructor(code: NotFoundError['code'], id: string) {
    super(`no ${code.replace('_NOT_FOUND', '').replace('_', ' ').toLowerCase().replace('api', 'API')} ${JSON.stringify(id)}`)
    this.code = code
    this.id = id
  }
}

/** Thrown when the idempotency key was used before with other content. Nothing was changed. */
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

/** Thrown when something with the same id exists already, created under another idempotency key. Nothing was changed. */
export class AlreadyExistsError extends FareboxError {
  override readonly code = 'ALREADY_EXISTS'
  readonly id: string

  constructor(what: string, id: string) {
    super(`${what} ${JSON.stringify(id)} exists already`)
    this.id = id
  }
}

/** Thrown when a change would take a balance beyond a signed 64-bit integer of micro-credits. Nothing was changed. */
export class AmountOutOfRangeError extends FareboxError {
  override readonly code = 'AMOUNT_OUT_OF_RANGE'
  readonly field: string

  constructor(field: string) {
    super(`${field} would exceed the largest amount that the ledger can hold`)
    this.field = field
  }
}

/** Thrown when a charge expected another state of its receipt lines: see {@link ChargeInput.linesSoFar}. Nothing was charged. */
export class LineChangedError extends FareboxError {
  override readonly code = 'LINE_CHANGED'
  override readonly isRetryable = true
  readonly workflowId: string

  constructor(workflowId: string) {
    super(`something else was charged to workflow ${JSON.stringify(workflowId)} meanwhile: read its receipt, and price again`)
    this.workflowId = workflowId
  }
}

/** Thrown when the database did not answer or gave up. The change may or may not have happened: repeat it under the same key. */
export class LedgerUnavailableError extends FareboxError {
  override readonly code = 'LEDGER_UNAVAILABLE'
  override readonly isRetryable = true
  /** The message may quote the database. */
  override readonly isSafe = false

  constructor(message: string, cause?: unknown) {
    super(message, cause === undefined ? undefined : { cause })
  }
}

/**
 * Thrown when the database is unavailable and the usage was saved on this machine's disk instead. It is charged once when the
 * database is back. Only a ledger with a spool throws this. Do not send the usage again under another key.
 */
export class UsageSpooledError extends FareboxError {
  override readonly code = 'USAGE_SPOOLED'
  /** The id of the usage record that will be written. */
  readonly usageId: string

  constructor(usageId: string, cause: unknown) {
    super(`the database is unreachable: usage ${JSON.stringify(usageId)} was spooled, and will be charged when it is back`, {
      cause,
    })
    this.usageId = usageId
  }
}

/** Thrown when the queue of waiting changes is full. Nothing was changed. */
export class LedgerOverloadedError extends FareboxError {
  override readonly code = 'LEDGER_OVERLOADED'
  override readonly isRetryable = true
  /** How long the waiting changes will probably take, in milliseconds. */
  readonly retryAfterMs: number

  constructor(message: string, retryAfterMs: number) {
    super(message)
    this.retryAfterMs = retryAfterMs
  }
}

/**
 * Thrown by calls to a ledger that was closed, and while it closes by those that would hold credits. A change in the host's own
 * transaction needs nothing that was closed, so it is still made, unless it would hold credits.
 */
export class LedgerClosedError extends FareboxError {
  override readonly code = 'LEDGER_CLOSED'
}

/**
 * Thrown for a defect in the ledger, a row that something else changed, or a change that a constraint on its tables refuses. It was not
 * made. Other changes go on.
 */
export class LedgerInternalError extends FareboxError {
  override readonly code = 'LEDGER_INTERNAL'
  override readonly isSafe = false

  constructor(message: string, cause: unknown) {
    super(message, { cause })
  }
}

/** Thrown when the database's tables are missing, or older or newer than this code. */
export class SchemaVersionError extends FareboxError {
  override readonly code = 'SCHEMA_VERSION'
  /** The message is for operators. */
  override readonly isSafe = false
}

/** The error for a database that was never migrated. */
export function noTables(cause: unknown): SchemaVersionError {
  return new SchemaVersionError('the ledger has no tables in this database yet: call migrate() first', { cause })
}

/** The error to throw for a failure of the state machine. */
export function errorOf(failure: Failure): FareboxError {
  switch (failure.code) {
    case 'IDEMPOTENCY_CONFLICT':
      return new IdempotencyConflictError(failure.idempotencyKey, failure.differs)
    case 'ALREADY_EXISTS':
      return new AlreadyExistsError(failure.what, failure.id)
    case 'AMOUNT_OUT_OF_RANGE':
      return new AmountOutOfRangeError(failure.field)
    case 'LINE_CHANGED':
      return new LineChangedError(failure.workflowId)
    case 'INVALID_INPUT':
      return new InvalidInputError(failure.field, failure.problem)
    default:
      return new NotFoundError(failure.code, failure.id)
  }
}
