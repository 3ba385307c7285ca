import { type FareboxError, formatCredits, isFareboxError } from '@farebox/core'
import { IdempotencyConflictError, InvalidInputError, LedgerOverloadedError } from '@farebox/ledger'
import { PriceNotFoundError } from '@farebox/pricing'
import { InvalidConfigurationError } from '@farebox/router'
import {
  BudgetExceededError,
  InsufficientCreditsError,
  ProvidersFailedError,
  RefundExceedsChargeError,
  RequestLimitError,
  RequestTooLongError,
  WorkflowCeilingError,
} from '../errors.ts'
import { InvalidBodyError, RateLimitedError } from './http-errors.ts'

/** The HTTP status of every error code, shared by all integrations. A code that is missing here is a bug in Farebox: 500. */
export const statusOfCode: Readonly<Record<string, number>> = {
  MALFORMED_BODY: 400,
  UNAUTHORIZED: 401,
  INSUFFICIENT_CREDITS: 402,
  BUDGET_EXCEEDED: 402,
  WORKFLOW_CEILING: 402,
  REQUEST_LIMIT: 402,
  MAXIMUM_CHARGE: 402,
  SERVICE_NOT_ALLOWED: 403,
  ACCOUNT_FROZEN: 403,
  INVALID_SIGNATURE: 403,
  ROUTE_NOT_FOUND: 404,
  MODEL_NOT_FOUND: 404,
  AGENT_NOT_FOUND: 404,
  ACCOUNT_NOT_FOUND: 404,
  HOLD_NOT_FOUND: 404,
  WORKFLOW_NOT_FOUND: 404,
  API_KEY_NOT_FOUND: 404,
  USAGE_NOT_FOUND: 404,
  GRANT_NOT_FOUND: 404,
  EVENT_NOT_FOUND: 404,
  IDEMPOTENCY_CONFLICT: 409,
  IDEMPOTENCY_IN_PROGRESS: 409,
  ANSWER_NOT_KEPT: 409,
  ALREADY_EXISTS: 409,
  WORKFLOW_CLOSED: 409,
  LINE_CHANGED: 409,
  REFUND_EXCEEDS_CHARGE: 409,
  METHOD_NOT_ALLOWED: 405,
  BODY_TOO_LARGE: 413,
  UNSUPPORTED_MEDIA_TYPE: 415,
  INVALID_BODY: 422,
  INVALID_INPUT: 422,
  INVALID_AMOUNT: 422,
  INVALID_QUANTITY: 422,
  AMOUNT_OUT_OF_RANGE: 422,
  INVALID_AUDIO: 422,
  INVALID_CONFIGURATION: 422,
  UNKNOWN_BUSINESS_ADAPTER: 422,
  PRICE_NOT_FOUND: 422,
  REQUEST_REJECTED: 422,
  REQUEST_TOO_LONG: 422,
  PROVIDERS_BUSY: 429,
  RATE_LIMITED: 429,
  TOO_MANY_AT_ONCE: 429,
  CALLER_LEFT: 499,
  PROVIDERS_FAILED: 502,
  OUTCOME_UNKNOWN: 502,
  STREAM_CUT: 502,
  PROVIDER_ERROR: 502,
  NO_PROVIDER: 503,
  LEDGER_UNAVAILABLE: 503,
  LEDGER_OVERLOADED: 503,
  LEDGER_CLOSED: 503,
  USAGE_SPOOLED: 503,
  SCHEMA_VERSION: 503,
  PROVIDER_TIMEOUT: 504,
  REQUEST_TIMEOUT: 504,
}

/** An RFC 9457 problem. */
export interface Problem {
  type: string
  title: string
  status: number
  code: string
  detail: string
  [fact: string]: unknown
}

/** A route's wire names, by the names of the fields in the code. */
type WireNames = Readonly<Record<string, string>>

/** Public messages for errors whose own messages are not safe to show. */
const SAFE_WORDS: Readonly<Record<string, string>> = {
  LEDGER_UNAVAILABLE: 'the ledger cannot be reached: nothing is lost, try again under the same idempotency key',
  SCHEMA_VERSION: 'the ledger is being set up or brought up to date: nothing is lost, try again later',
}

const TITLES: Readonly<Record<number, string>> = {
  400: 'Malformed request',
  401: 'No or bad API key',
  402: 'Not enough credits',
  403: 'Not allowed',
  404: 'Not found',
  405: 'Method not allowed',
  409: 'Conflict',
  413: 'Too large',
  415: 'Unsupported media type',
  422: 'Invalid request',
  429: 'Too many requests',
  499: 'Caller left',
  502: 'Provider failed',
  503: 'Unavailable',
  504: 'Provider timed out',
}

/** A short title for a status. */
export function titleOfStatus(status: number): string {
  return TITLES[status] ?? 'Internal error'
}

/**
 * The problem document for an error. Hides the message of an unsafe error, and everything about an error that is not Farebox's.
 */
export function problemOf(error: unknown, wireNames: WireNames = {}): Problem {
  if (!isFareboxError(error)) return newProblem(500, 'INTERNAL', 'something went wrong on our side')
  const status = statusOfCode[error.code] ?? 500
  return {
    ...newProblem(
      status,
      error.code,
      error.isSafe ? error.message : (SAFE_WORDS[error.code] ?? 'something went wrong on our side'),
    ),
    ...factsOf(error, wireNames),
  }
}

/** The headers of a problem's answer, whichever integration sends it. */
export function problemHeaders({ status, retry_after }: Problem): Record<string, string> {
  return {
    'content-type': 'application/problem+json',
    // Overrides what the host may have set for the answer that it meant to give.
    'cache-control': 'no-store',
    ...(status === 401 && { 'www-authenticate': 'Bearer' }),
    ...(typeof retry_after === 'number' && { 'retry-after': String(retry_after) }),
  }
}

/** An error as the `Response` that reports it. */
export function problemResponse(error: unknown, wireNames?: WireNames): Response {
  const problem = problemOf(error, wireNames)
  return new Response(JSON.stringify(problem), { status: problem.status, headers: problemHeaders(problem) })
}

function newProblem(status: number, code: string, detail: string): Problem {
  return {
    type: `urn:farebox:problem:${code.toLowerCase().replaceAll('_', '-')}`,
    title: titleOfStatus(status),
    status,
    code,
    detail,
  }
}

/** The facts of an error, by their wire names. Amounts are decimal strings, since what is available may be fractional. */
function factsOf(error: FareboxError, wireNames: WireNames): Record<string, unknown> {
  if (error instanceof InsufficientCreditsError || error instanceof WorkflowCeilingError) {
    return { needed: formatCredits(error.needed), available: formatCredits(error.available) }
  }
  if (error instanceof BudgetExceededError) {
    return {
      needed: formatCredits(error.needed),
      available: formatCredits(error.available),
      budget_id: error.budgetId,
      ...(error.resetsAt !== undefined && { resets_at: new Date(error.resetsAt).toISOString() }),
    }
  }
  if (error instanceof RequestLimitError) return { needed: formatCredits(error.needed), limit: formatCredits(error.limit) }
  if (error instanceof RefundExceedsChargeError) return { refundable: formatCredits(error.refundable) }
  if (error instanceof RequestTooLongError) {
    const { unit, length, most } = error
    return { unit, length: Math.ceil(length), most }
  }
  if (error instanceof InvalidBodyError) return { errors: error.fields }
  if (error instanceof InvalidConfigurationError) {
    return { errors: error.fields.map(({ field, allowed }) => ({ field: `service_configuration.${field}`, problem: allowed })) }
  }
  if (error instanceof InvalidInputError) return { errors: [{ field: error.field, problem: error.message }] }
  if (error instanceof IdempotencyConflictError) return { differs: error.differs }
  if (error.code === 'INVALID_AUDIO') return { errors: [{ field: wireNames.audio ?? 'audio', problem: error.message }] }
  if (error.code === 'MODEL_NOT_FOUND') return { errors: [{ field: 'model', problem: error.message }] }
  if (error.code === 'UNKNOWN_BUSINESS_ADAPTER') {
    const field = wireNames.business_logic_adapter ?? 'business_logic_adapter'
    return { errors: [{ field, problem: error.message }] }
  }
  if (error instanceof PriceNotFoundError) {
    return { errors: [{ field: error.unit === undefined ? 'provider' : 'unit_type', problem: error.message }] }
  }
  if (error instanceof ProvidersFailedError && error.code === 'REQUEST_REJECTED') {
    const { parameter } = error
    return { kind: error.attempts.at(-1)?.kind, ...(parameter !== undefined && { parameter }) }
  }
  if (error instanceof RateLimitedError) {
    const { limitName, limit, retryAfterMs } = error
    return { limit, limit_name: limitName, retry_after: Math.max(1, Math.ceil(retryAfterMs / 1000)) }
  }
  const waitMs = error instanceof ProvidersFailedError || error instanceof LedgerOverloadedError ? error.retryAfterMs : undefined
  // Nothing that this process tries again by itself would help: an operator makes the tables, or another process answers.
  const isWorthwhile = error.isRetryable || error.code === 'SCHEMA_VERSION' || error.code === 'LEDGER_CLOSED'
  return isWorthwhile ? { retry_after: Math.max(1, Math.ceil((waitMs ?? 0) / 1000)) } : {}
}
