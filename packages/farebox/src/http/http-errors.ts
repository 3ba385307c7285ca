import { FareboxError } from '@farebox/core'

/** The body is not what its content type says. */
export class MalformedBodyError extends FareboxError {
  override readonly code = 'MALFORMED_BODY'
}

/** A field of the body is missing or wrong. */
export class InvalidBodyError extends FareboxError {
  override readonly code = 'INVALID_BODY'
  readonly fields: readonly { field: string; problem: string }[]

  constructor(fields: InvalidBodyError['fields']) {
    super(fields.map(({ field, problem }) => `${field}: ${problem}`).join('; '))
    this.fields = fields
  }
}

/** The body is longer than the limit. */
export class BodyTooLargeError extends FareboxError {
  override readonly code = 'BODY_TOO_LARGE'
}

/** The route does not accept this content type. */
export class UnsupportedMediaTypeError extends FareboxError {
  override readonly code = 'UNSUPPORTED_MEDIA_TYPE'
}

/** The request exceeded its time limit, and its work was stopped. */
export class RequestTimeoutError extends FareboxError {
  override readonly code = 'REQUEST_TIMEOUT'
  override readonly isRetryable = true
}

/** An API key makes more requests than its limits allow. */
export class RateLimitedError extends FareboxError {
  override readonly code: 'RATE_LIMITED' | 'TOO_MANY_AT_ONCE'
  override readonly isRetryable = true
  /** The wire name of the limit that was reached. */
  readonly limitName: string
  readonly limit: number
  readonly retryAfterMs: number
  /** The headers that tell the limit. */
  readonly headers: Readonly<Record<string, string>>

  constructor(
    code: RateLimitedError['code'],
    message: string,
    facts: { name: string; limit: number; waitMs: number; headers?: Readonly<Record<string, string>> },
  ) {
    super(message)
    this.code = code
    this.limitName = facts.name
    this.limit = facts.limit
    this.retryAfterMs = facts.waitMs
    this.headers = facts.headers ?? {}
  }
}

/** The path exists, but not with this method. */
export class MethodNotAllowedError extends FareboxError {
  override readonly code = 'METHOD_NOT_ALLOWED'
}

/** The path does not exist. */
export class RouteNotFoundError extends FareboxError {
  override readonly code = 'ROUTE_NOT_FOUND'
}

/** A caller asked for a model, an agent or a configuration that does not exist. */
export class ModelNotFoundError extends FareboxError {
  override readonly code = 'MODEL_NOT_FOUND'
}

/** The request was charged before, but its answer was not kept. */
export class AnswerNotKeptError extends FareboxError {
  override readonly code = 'ANSWER_NOT_KEPT'
}

/** An earlier request under the same idempotency key has not ended yet. */
export class IdempotencyInProgressError extends FareboxError {
  override readonly code = 'IDEMPOTENCY_IN_PROGRESS'
  override readonly isRetryable = true
}
