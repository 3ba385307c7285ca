import type { ProviderError, Usage } from '@farebox/core'
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
  readonly startedAt: number
  /** When the whole route must have ended, epoch milliseconds. */
  readonly endsAt: number
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
  readonly endsAt: number
  readonly signal: AbortSignal
  readonly attempts: AttemptRecord[]
}

/** Begins an attempt. Its record is added to those of the run when it ends. */
export function planAttempt(run: PlanRun, attemptId: string, facts: PlanFacts): AttemptPlan {
  const { clock, health, onAttempt } = run.options
  const { candidate, cause, slot, contestant } = facts
  const { healthKey } = candidate.entry
  const startedAt = clock()
  let answeredAt: number | undefined

  function observe(outcome: AttemptEnding, { error, isComplete, isOurs }: AttemptEnd, endedAt: number): HealthObservation {
    const { isStream } = run
    if (outcome === 'lost') return { outcome, waitedMs: Math.max(0, endedAt - startedAt), isStream }
    if (outcome === 'succeeded' || isComplete) {
      // How long a stream took to begin was told when it began.
      const latencyMs = isStream || answeredAt === undefined ? undefined : Math.max(0, answeredAt - startedAt)
      return { outcome: 'succeeded', latencyMs, isStream }
    }
    return {
      outcome: 'failed',
      kind: (isOurs ? undefined : error?.kind) ?? 'aborted',
      retryAfterMs: error?.retryAfterMs,
      startedAt,
    }
  }

  return {
    candidate,
    attemptId,
    startedAt,
    endsAt: run.endsAt,
    signal: contestant?.signal ?? run.signal,
    answer() {
      if (contestant && !contestant.claim()) return false
      answeredAt = clock()
      if (run.isStream) health.record(healthKey, { outcome: 'answering', latencyMs: Math.max(0, answeredAt - startedAt) })
      return true
    },
    finish(end) {
      const { error, usage } = end
      const endedAt = clock()
      const outcome = contestant?.hasLost() ? 'lost' : end.outcome
      const record: AttemptRecord = {
        attemptId,
        candidate,
        cause,
        startedAt,
        answeredAt,
        endedAt,
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
      health.record(healthKey, observe(outcome, end, endedAt))
      try {
        onAttempt(record)
      } catch {
        // An observer that fails must not turn an answer that was paid for into a failure.
      }
    },
  }
}
