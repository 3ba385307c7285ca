import type { Problem } from './wire.ts'

/** The API answered with an error. Its facts are in `problem`: what was needed, which field was wrong. */
export class FareboxApiError extends Error {
  /** The HTTP status. 0 of a redirect that a browser keeps from its page. */
  readonly status: number
  /** Stable: `INSUFFICIENT_CREDITS`. `HTTP_502` and the like where somebody else answered, such as a proxy. */
  readonly code: string
  readonly problem: Problem
  /** How long the server asks to be left alone. */
  readonly retryAfterMs: number | undefined
  /** The idempotency key of the request, if it had one: the same key again is safe. */
  readonly idempotencyKey: string | undefined

  /** The first field that was wrong, of a 422: `services.0.provider`. All of them, and what each must be, are in `problem.errors`. */
  get field(): string | undefined {
    return this.problem.errors?.[0]?.field
  }

  constructor(problem: Problem, { retryAfterMs, idempotencyKey }: { retryAfterMs?: number; idempotencyKey?: string } = {}) {
    super(problem.detail)
    this.name = 'FareboxApiError'
    this.status = problem.status
    this.code = problem.code
    this.problem = problem
    this.retryAfterMs = retryAfterMs
    this.idempotencyKey = idempotencyKey
  }
}

/**
 * There was no answer, also after the retries: whether the request had an effect is not known. Sending it again under the same
 * idempotency key is safe.
 */
export class FareboxConnectionError extends Error {
  /** `STREAM_CUT`: an answer had begun, and what came of it was charged. */
  readonly code: 'CONNECTION_FAILED' | 'TIMEOUT' | 'STREAM_CUT'
  readonly idempotencyKey: string | undefined

  constructor(
    code: FareboxConnectionError['code'],
    message: string,
    { cause, idempotencyKey }: { cause: unknown; idempotencyKey?: string },
  ) {
    super(message, { cause })
    this.name = 'FareboxConnectionError'
    this.code = code
    this.idempotencyKey = idempotencyKey
  }
}
