import { type ProviderError, steadyClock, type Usage } from '@farebox/core'
import type { ResolvedAttemptOptions } from './attempt-options.ts'
import type { AttemptCause, AttemptEnding, AttemptRecord } from './attempt-record.ts'
import type { Slot } from './concurrency.ts'
import type { Contestant } from './contest.ts'
import type { HealthObservation } from './health.ts'
import type { Candidate } from './route.ts'

/** What an attempt is begun with. */
export interface PlanFacts {
  candidate: Candidate
  cause: AttemptCause
  /** Given back when it ends. */
  slot: Slot
  /** Its place among attempts side by side; absent where it is the only one. */
  contestant?: Contestant
}

/** How an attempt ended. */
export interface AttemptEnd {
  outcome: Exclude<AttemptEnding, 'lost'>
  error?: ProviderError
  usage?: Usage
  requestId?: string
  /** A stream that nobody wanted any more was read to its finish all the same. */
  isComplete?: boolean
  /** The error says nothing of the provider. */
  isOurs?: boolean
}

/** One attempt that has begun. */
export interface AttemptPlan {
  readonly candidate: Candidate
  readonly attemptId: string
  /** Until the whole route must have ended, when the attempt began. */
  readonly msLeft: number
  /** Fires when the caller leaves, or another attempt has won. */
  readonly signal: AbortSignal
  /** An answer, or the first content of a stream, has come. False where another attempt was first: it is lost then. */
  answer(): boolean
  /** Writes down how it ended, for the outcome, for `onAttempt` and for health. Called once. One that has lost is lost, however it ended. */
  finish(end: AttemptEnd): void
}

/** The run that an attempt is part of. */
interface PlanRun {
  readonly options: Pick<ResolvedAttemptOptions<never>, 'clock' | 'health' | 'onAttempt'>
  readonly isStream: boolean
  readonly msLeft: number
  readonly signal: AbortSignal
  readonly attempts: AttemptRecord[]
}

/** Begins an attempt. Its record is added to those of the run when it ends. */
export function planAttempt(run: PlanRun, attemptId: string, facts: PlanFacts): AttemptPlan {
  const { clock, health, onAttempt } = run.options
  const { candidate, cause, slot, contestant } = facts
  const { healthKey } = candidate.entry
  const startedAt = clock()
  const beganAt = steadyClock()
  let answeredMs: number | undefined

  function observe(outcome: AttemptEnding, { error, isComplete, isOurs }: AttemptEnd, tookMs: number): HealthObservation {
    const { isStream } = run
    if (outcome === 'lost') return { outcome, waitedMs: tookMs, isStream }
    if (outcome === 'succeeded' || isComplete) {
      // How long a stream took to begin was told when it began.
      return { outcome: 'succeeded', latencyMs: isStream ? undefined : answeredMs, isStream, tookMs }
    }
    return {
      outcome: 'failed',
      kind: (isOurs ? undefined : error?.kind) ?? 'aborted',
      retryAfterMs: error?.retryAfterMs,
      tookMs,
    }
  }

  return {
    candidate,
    attemptId,
    msLeft: run.msLeft,
    signal: contestant?.signal ?? run.signal,
    answer() {
      if (contestant && !contestant.claim()) return false
      answeredMs = steadyClock() - beganAt
      if (run.isStream) health.record(healthKey, { outcome: 'answering', latencyMs: answeredMs })
      return true
    },
    finish(end) {
      const { error, usage } = end
      const tookMs = steadyClock() - beganAt
      const outcome = contestant?.hasLost() ? 'lost' : end.outcome
      const record: AttemptRecord = {
        attemptId,
        candidate,
        cause,
        startedAt,
        answeredAt: answeredMs === undefined ? undefined : startedAt + answeredMs,
        endedAt: startedAt + tookMs,
        outcome,
        errorKind: error?.kind,
        error,
        status: error?.status,
        providerCode: error?.providerCode,
        requestId: end.requestId ?? error?.requestId,
        usage,
      }
      run.attempts.push(record)
      slot()
      health.record(healthKey, observe(outcome, end, tookMs))
      try {
        onAttempt(record)
      } catch {
        // An observer that fails must not turn an answer that was paid for into a failure.
      }
    },
  }
}
