import { ProviderError } from '@farebox/core'
import { stepAfter } from './after-failure.ts'
import type { ResolvedAttemptOptions } from './attempt-options.ts'
import type { AttemptOutcome, AttemptRecord } from './attempt-record.ts'
import type { Candidate } from './route.ts'

/** What came of one attempt. */
export type AttemptResult<T> = { status: 'succeeded'; value: T } | { status: 'failed'; error: ProviderError } | { status: 'left' }

/** One attempt to be made. */
export interface AttemptPlan {
  readonly candidate: Candidate
  readonly attemptId: string
  readonly startedAt: number
  /** When the whole route must have ended, epoch milliseconds. */
  readonly endsAt: number
  /** Writes down how it ended, for the outcome, for `onAttempt` and for health. */
  readonly finish: (ending: Pick<AttemptRecord, 'outcome' | 'error' | 'usage'>, latency?: AttemptLatency) => void
}

/** How long a successful attempt took to answer. */
export interface AttemptLatency {
  latencyMs: number
  isStream: boolean
}

/**
 * Goes through the candidates of a route until one serves. `make` makes one attempt, and finishes it; a stream may do so later.
 * The same candidate is tried again after a backoff where that helps; the next one where it may do better. Candidates that
 * are known to be ill wait until those that are well have failed.
 */
export async function attemptEach<T, Refusal>(
  options: ResolvedAttemptOptions<Refusal>,
  make: (plan: AttemptPlan) => Promise<AttemptResult<T>>,
): Promise<AttemptOutcome<T, Refusal>> {
  const { route, signal, clock, health, retries } = options
  const attempts: AttemptRecord[] = []
  const deferred = new Set<Candidate>()
  const endsAt = clock() + options.deadlines.totalMs
  let queue = [...route.candidates]
  let ordinal = 0
  let refused: { refusal: Refusal; candidate: Candidate } | undefined
  let lastError: ProviderError | undefined

  for (let candidate = queue.shift(); candidate; candidate = queue.shift()) {
    if (isBlocked(candidate) && defer(candidate)) continue
    if (signal.aborted) return { status: 'left', attempts }
    if (clock() >= endsAt) break
    const answer = await options.beforeAttempt(candidate)
    if (answer) {
      refused ??= { refusal: answer.refused, candidate }
      continue
    }
    for (let tries = 1; ; tries += 1) {
      if (signal.aborted) return { status: 'left', attempts }
      if (clock() >= endsAt) return failed('deadline')
      // Only the first try asks: a retry follows a failure that we have just reported ourselves.
      if (tries === 1 && !health.begin(candidate.entry.healthKey) && defer(candidate)) break
      ordinal += 1
      refused = undefined
      const plan = planAttempt(candidate, `${options.id}.${ordinal}`)
      const result = await make(plan)
      if (result.status === 'left') return { status: 'left', attempts }
      if (result.status === 'succeeded') {
        return { status: 'succeeded', value: result.value, candidate, attemptId: plan.attemptId, attempts }
      }
      lastError = result.error
      const step = stepAfter(result.error.kind, route.operation, options.allowContentPolicyFallback)
      if (step === 'stop') return failed('stopped')
      if (step === 'next_larger') queue = queue.filter(isLargerThan(candidate))
      if (step !== 'retry' || tries >= retries.triesMax) break
      const waitMs = backoffMs(result.error, tries)
      const waitMsMax = queue.length > 0 ? Math.min(retries.waitMsMax, endsAt - clock()) : endsAt - clock()
      if (waitMs >= waitMsMax) break
      await options.sleep(waitMs, signal)
    }
  }
  if (clock() >= endsAt) return failed('deadline')
  if (refused) return { status: 'refused', ...refused, error: lastError, attempts }
  return failed('exhausted')

  /** Puts an ill candidate behind the others, once, if one of them is well. The last one is never given up. */
  function defer(candidate: Candidate): boolean {
    if (deferred.has(candidate) || queue.every(isBlocked)) return false
    deferred.add(candidate)
    queue.push(candidate)
    return true
  }

  function isBlocked({ entry }: Candidate): boolean {
    const condition = health.read(entry.healthKey)?.condition ?? 'ok'
    return condition !== 'ok' && condition !== 'probe'
  }

  function backoffMs(error: ProviderError, tries: number): number {
    const jitterMs = options.random() * Math.min(retries.backoffMsMax, retries.backoffMs * 2 ** (tries - 1))
    return Math.max(0, error.retryAfterMs ?? 0) + jitterMs
  }

  function failed(cause: 'exhausted' | 'deadline' | 'stopped'): AttemptOutcome<T, Refusal> {
    const provider = route.candidates[0]?.offer.provider ?? route.service
    const error = lastError ?? new ProviderError('no attempt could be made in time', { provider, kind: 'timeout' })
    return { status: 'failed', cause, error, attempts }
  }

  function planAttempt(candidate: Candidate, attemptId: string): AttemptPlan {
    const startedAt = clock()
    return {
      candidate,
      attemptId,
      startedAt,
      endsAt,
      finish(ending, latency) {
        const record: AttemptRecord = {
          attemptId,
          candidate,
          startedAt,
          endedAt: clock(),
          outcome: ending.outcome,
          errorKind: ending.error?.kind,
          error: ending.error,
          usage: ending.usage,
        }
        attempts.push(record)
        const { error } = ending
        health.record(
          candidate.entry.healthKey,
          latency
            ? { outcome: 'succeeded', ...latency }
            : { outcome: 'failed', kind: error?.kind ?? 'aborted', retryAfterMs: error?.retryAfterMs },
        )
        try {
          options.onAttempt(record)
        } catch {
          // An observer that fails must not turn an answer that was paid for into a failure.
        }
      },
    }
  }
}

/** A window that is not stated is not known to be larger. */
function isLargerThan(small: Candidate): (candidate: Candidate) => boolean {
  const contextTokens = small.offer.capabilities.contextTokens ?? 0
  return (candidate) => (candidate.offer.capabilities.contextTokens ?? 0) > contextTokens
}
