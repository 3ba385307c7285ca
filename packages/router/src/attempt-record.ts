import type { ProviderError, ProviderErrorKind, Usage } from '@farebox/core'
import type { Candidate } from './route.ts'

/**
 * How one attempt ended. `cut`: a stream broke off after its first content. `left`: the caller left before or during the answer.
 * `lost`: a parallel attempt answered first.
 */
export type AttemptEnding = 'succeeded' | 'failed' | 'cut' | 'left' | 'lost'

/**
 * Why an attempt was made. `first`: the first attempt of the route. `retry`: the same candidate again. `fallback`: another
 * candidate after a failure. `hedge`: in parallel with a slow attempt. `continuation`: to continue a stream that another
 * candidate began.
 */
export type AttemptCause = 'first' | 'retry' | 'fallback' | 'hedge' | 'continuation'

/** One call to one candidate of a route. Failed attempts are recorded too, because some providers charge for them. */
export interface AttemptRecord {
  readonly attemptId: string
  readonly candidate: Candidate
  readonly cause: AttemptCause
  /**
   * Epoch milliseconds, UTC, by the host's clock. The other times add measured durations to it, so resetting the clock does not
   * distort them.
   */
  readonly startedAt: number
  /** When the answer, or the first content of a stream, arrived, epoch milliseconds, UTC. `undefined`: neither did. */
  readonly answeredAt: number | undefined
  /** Epoch milliseconds, UTC. */
  readonly endedAt: number
  readonly outcome: AttemptEnding
  readonly errorKind: ProviderErrorKind | undefined
  readonly error: ProviderError | undefined
  /** HTTP status of a failure, if the provider answered at all. */
  readonly status: number | undefined
  /** The provider's own error code. */
  readonly providerCode: string | undefined
  /** The provider's id of the request, also for failures. For a phone call, the id of the call. */
  readonly requestId: string | undefined
  /** What the provider reported, also for failures. `undefined`: not reported, which does not mean zero. */
  readonly usage: Usage | undefined
}

/**
 * The outcome of serving a route.
 *
 * - `succeeded`: `value` is the answer.
 * - `failed`: `error` is the error of the last attempt. `cause` says whether candidates ran out (`exhausted`), time ran out
 *   (`deadline`), or trying further would have been wrong (`stopped`).
 * - `refused`: `beforeAttempt` refused every remaining candidate. `refusal` is the first of these refusals.
 * - `left`: the caller's signal fired.
 *
 * `attempts` are in the order in which they ended. A stream's attempt is added when the stream ends.
 */
export type AttemptOutcome<T, Refusal = never> =
  | { status: 'succeeded'; value: T; candidate: Candidate; attemptId: string; attempts: readonly AttemptRecord[] }
  | { status: 'failed'; cause: 'exhausted' | 'deadline' | 'stopped'; error: ProviderError; attempts: readonly AttemptRecord[] }
  | {
      status: 'refused'
      refusal: Refusal
      candidate: Candidate
      /** The error of the last attempt, if there was one. */
      error: ProviderError | undefined
      attempts: readonly AttemptRecord[]
    }
  | { status: 'left'; attempts: readonly AttemptRecord[] }
