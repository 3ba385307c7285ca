import type { Problem } from './wire/index.ts'

/** The API answered with an error. `problem` holds its details, such as the credits needed or the field that was wrong. */
export class FareboxApiError extends Error {
  /** The HTTP status; 0 for a redirect, whose status a browser hides from its page. */
  readonly status: number
  /** A stable code: `INSUFFICIENT_CREDITS`. `HTTP_502` and the like if something other than the API answered, such as a proxy. */
  readonly code: string
  readonly problem: Problem
  /** How long the server asks the client to wait. */
  readonly retryAfterMs: number | undefined
  /** The idempotency key of the request, if it had one. Sending the request again under it is safe. */
  readonly idempotencyKey: string | undefined

  /** For a 422: the first wrong field, such as `services.0.provider`. `problem.errors` lists all, with what each must be. */
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
 * There was no answer, even after the retries, so the request may or may not have had an effect. Sending it again under the same
 * idempotency key is safe.
 */
export class FareboxConnectionError extends Error {
  /** `STREAM_CUT`: the answer broke off after it had begun. What was produced is charged. */
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

/** Whether a server told this of an error. */
export function isProblem(told: unknown): told is Problem {
  const { code, detail } = Object(told) as { code?: unknown; detail?: unknown }
  return typeof code === 'string' && typeof detail === 'string'
}
