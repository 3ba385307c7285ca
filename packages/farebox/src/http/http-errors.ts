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

/** The body is longer than is taken. */
export class BodyTooLargeError extends FareboxError {
  override readonly code = 'BODY_TOO_LARGE'
}

/** The body is of a kind that the route does not take. */
export class UnsupportedMediaTypeError extends FareboxError {
  override readonly code = 'UNSUPPORTED_MEDIA_TYPE'
}

/** The request took longer than it may, and its work was stopped. */
export class RequestTimeoutError extends FareboxError {
  override readonly code = 'REQUEST_TIMEOUT'
  override readonly isRetryable = true
}

/** An API key asks more than it may. */
export class RateLimitedError extends FareboxError {
  override readonly code: 'RATE_LIMITED' | 'TOO_MANY_AT_ONCE'
  override readonly isRetryable = true
  /** Which limit was reached, by its name on the wire. */
  readonly limitName: string
  readonly limit: number
  readonly retryAfterMs: number
  /** What its answer says of the limit. */
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

/** There is something at this path, and it is asked for by another method. */
export class MethodNotAllowedError extends FareboxError {
  override readonly code = 'METHOD_NOT_ALLOWED'
}

/** There is nothing at this path. */
export class RouteNotFoundError extends FareboxError {
  override readonly code = 'ROUTE_NOT_FOUND'
}

/** A caller asked for a model, an agent or a configuration that there is not. */
export class ModelNotFoundError extends FareboxError {
  override readonly code = 'MODEL_NOT_FOUND'
}

/** The request was served before, and its answer is no longer there. */
export class AnswerNotKeptError extends FareboxError {
  override readonly code = 'ANSWER_NOT_KEPT'
}

/** An earlier request under the same idempotency key has not ended yet. */
export class IdempotencyInProgressError extends FareboxError {
  override readonly code = 'IDEMPOTENCY_IN_PROGRESS'
  override readonly isRetryable = true
}
