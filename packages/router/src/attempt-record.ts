import type { ProviderError, ProviderErrorKind, Usage } from '@farebox/core'
import type { Candidate } from './route.ts'

/**
 * How one attempt ended. `cut`: a stream stopped after content had been passed on. `left`: the caller went away, before or
 * during the answer.
 */
export type AttemptEnding = 'succeeded' | 'failed' | 'cut' | 'left'

/** One call to one candidate of a route. Each is accounted, the failed ones too: some providers charge for those. */
export interface AttemptRecord {
  readonly attemptId: string
  readonly candidate: Candidate
  /** Epoch milliseconds, UTC. */
  readonly startedAt: number
  /** Epoch milliseconds, UTC. */
  readonly endedAt: number
  readonly outcome: AttemptEnding
  readonly errorKind: ProviderErrorKind | undefined
  readonly error: ProviderError | undefined
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
 * `attempts` are in order. That of a stream is added when it ends.
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
