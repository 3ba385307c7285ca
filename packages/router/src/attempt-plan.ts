import { type ProviderError, steadyClock, type Usage } from '@farebox/core'
import type { ResolvedAttemptOptions } from './attempt-options.ts'
import type { AttemptCause, AttemptEnding, AttemptRecord } from './attempt-record.ts'
import type { Slot } from './concurrency.ts'
import type { Contestant } from './contest.ts'
import type { HealthObservation } from './health.ts'
import type { Candidate } from './route.ts'

/** What an attempt begins with. */
export interface PlanFacts {
  candidate: Candidate
  cause: AttemptCause
  /** Released when the attempt ends. */
  slot: Slot
  /** Its entry in a race of parallel attempts. Absent: it runs alone. */
  contestant?: Contestant
}

/** How an attempt ended. */
export interface AttemptEnd {
  outcome: Exclude<AttemptEnding, 'lost'>
  error?: ProviderError
  usage?: Usage
  requestId?: string
  /** The consumer left, but the stream was read to its finish. */
  isComplete?: boolean
  /** The provider is not to blame for the error. */
  isOurs?: boolean
}

/** An attempt that has begun. */
export interface AttemptPlan {
  readonly candidate: Candidate
  readonly attemptId: string
  /** Milliseconds left for the whole route when the attempt began. */
  readonly msLeft: number
  /** Fires when the caller leaves, or when another attempt has won. */
  readonly signal: AbortSignal
  /** Reports an answer, or the first content of a stream. False: another attempt was first, so this one is lost. */
  answer(): boolean
  /** Records how the attempt ended, for the outcome, `onAttempt` and health. Call it once. A lost race is recorded as `lost`. */
  finish(end: AttemptEnd): void
}

/** The run that an attempt is part of. */
interface PlanRun {
  readonly options: Pick<ResolvedAttemptOptions<never>, 'caller' | 'clock' | 'health' | 'onAttempt'>
  readonly isStream: boolean
  readonly msLeft: number
  readonly signal: AbortSignal
  readonly attempts: AttemptRecord[]
}

/** Begins an attempt. When it ends, its record is added to those of the run. */
export function planAttempt(run: PlanRun, attemptId: string, facts: PlanFacts): AttemptPlan {
  const { caller, clock, health, onAttempt } = run.options
  const { candidate, cause, slot, contestant } = facts
  const { healthKey } = candidate.entry
  const startedAt = clock()
  const beganAt = steadyClock()
  let answeredMs: number | undefined

  function observe(outcome: AttemptEnding, { error, isComplete, isOurs }: AttemptEnd, tookMs: number): HealthObservation {
    const { isStream } = run
    if (outcome === 'lost') return { outcome, waitedMs: tookMs, isStream }
    if (outcome === 'succeeded' || isComplete) {
      // `answer` has already reported how long a stream took to begin.
      return { outcome: 'succeeded', latencyMs: isStream ? undefined : answeredMs, isStream, tookMs, caller }
    }
    return {
      outcome: 'failed',
      kind: (isOurs ? undefined : error?.kind) ?? 'aborted',
      retryAfterMs: error?.retryAfterMs,
      tookMs,
      caller,
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
      // A failing observer must not turn an answer that costs money into a failure, nor end the process if it fails later.
      void (async () => onAttempt(record))().catch(() => {})
    },
  }
}
