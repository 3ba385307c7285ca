import type { ProviderError, ProviderErrorKind, Usage } from '@farebox/core'
import type { Candidate } from './route.ts'

/**
 * How one attempt ended. `cut`: a stream stopped after content had been passed on. `left`: the caller went away, before or
 * during the answer. `lost`: another attempt, made beside it, answered first.
 */
export type AttemptEnding = 'succeeded' | 'failed' | 'cut' | 'left' | 'lost'

/**
 * Why an attempt was made. `first` of the route; `retry` at the same candidate; `fallback` to another one; `hedge` beside one that was
 * slow; `continuation` of a stream that another one had begun.
 */
export type AttemptCause = 'first' | 'retry' | 'fallback' | 'hedge' | 'continuation'

/** One call to one candidate of a route. Each is accounted, the failed ones too: some providers charge for those. */
export interface AttemptRecord {
  readonly attemptId: string
  readonly candidate: Candidate
  readonly cause: AttemptCause
  /** By the clock of the host, epoch milliseconds, UTC. The other times are counted on from it, so that a clock that is set makes none of them wrong. */
  readonly startedAt: number
  /** When the answer, or the first content of a stream, came, epoch milliseconds, UTC; `undefined` when none did. */
  readonly answeredAt: number | undefined
  /** Epoch milliseconds, UTC. */
  readonly endedAt: number
  readonly outcome: AttemptEnding
  readonly errorKind: ProviderErrorKind | undefined
  readonly error: ProviderError | undefined
  /** HTTP status of the provider's answer, of a failure that had one. */
  readonly status: number | undefined
  /** The provider's own error code. */
  readonly providerCode: string | undefined
  /** The provider's id of the request, also of one that failed; of a phone call, the id of the call. */
  readonly requestId: string | undefined
  /** What the provider reported, of a failure too. `undefined`: not reported, which is not zero. */
  readonly usage: Usage | undefined
}

/**
 * What became of a route.
 *
 * `succeeded`: `value` is the answer. `failed`: `error` is that of the last attempt; `cause` says whether candidates ran out,
 * time ran out, or going on would have been wrong. `refused`: `beforeAttempt` let no candidate pass that was left; `refusal` is
 * the first of those. `left`: the caller's signal fired.
 *
 * `attempts` are in the order in which they ended. That of a stream is added when it ends.
 */
export type AttemptOutcome<T, Refusal = never> =
  | { status: 'succeeded'; value: T; candidate: Candidate; attemptId: string; attempts: readonly AttemptRecord[] }
  | { status: 'failed'; cause: 'exhausted' | 'deadline' | 'stopped'; error: ProviderError; attempts: readonly AttemptRecord[] }
  | {
      status: 'refused'
      refusal: Refusal
      candidate: Candidate
      /** Of the last attempt, if there was one before. */
      error: ProviderError | undefined
      attempts: readonly AttemptRecord[]
    }
  | { status: 'left'; attempts: readonly AttemptRecord[] }
