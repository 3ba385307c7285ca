import type { Usage } from '@farebox/core'
import { type AttemptPlan, type AttemptResult, attemptEach } from './attempt-loop.ts'
import { type AttemptOptions, type CallCandidate, type LateAnswer, resolveAttemptOptions } from './attempt-options.ts'
import type { AttemptOutcome } from './attempt-record.ts'
import { createLeash } from './leash.ts'
import { deadlineError, toProviderError } from './provider-failure.ts'

export interface WholeAttemptOptions<T, Refusal = never> extends AttemptOptions<Refusal> {
  /** Calls a candidate. Its signal fires at the deadline and when the caller leaves; it is not waited for after that. */
  call: CallCandidate<Promise<T>>
  /**
   * Told what became of an attempt that was given up at a deadline or when the caller left, should it answer after all. It
   * must not throw: what it throws is ignored.
   */
  onLateAnswer?: (answer: LateAnswer<T>) => void
}

/**
 * Serves a route: calls its candidates in order until one answers, within one overall deadline. What providers do is a value,
 * never thrown.
 *
 * @throws what `beforeAttempt` throws
 */
export function attempt<T extends { usage?: Usage }, Refusal = never>(
  options: WholeAttemptOptions<T, Refusal>,
): Promise<AttemptOutcome<T, Refusal>> {
  const { call, onLateAnswer } = options
  const resolved = resolveAttemptOptions(options)
  const { route, clock, deadlines, signal } = resolved

  return attemptEach<T, Refusal>(resolved, async (plan): Promise<AttemptResult<T>> => {
    const { candidate, attemptId, startedAt } = plan
    const leash = createLeash(signal)
    const answer = callSafely(() => call(candidate, { signal: leash.signal, attemptId }))
    const settled = await leash.wait(answer, Math.min(deadlines.attemptMs, plan.endsAt - startedAt))
    leash.release()
    if (settled.status === 'fulfilled') {
      const { value } = settled
      plan.finish({ outcome: 'succeeded', error: undefined, usage: value.usage }, latencyOf(plan))
      return { status: 'succeeded', value }
    }
    if (settled.status === 'left') {
      if (onLateAnswer) listen(answer, plan, onLateAnswer)
      plan.finish({ outcome: 'left', error: undefined, usage: undefined })
      return { status: 'left' }
    }
    if (settled.status === 'deadline' && onLateAnswer) listen(answer, plan, onLateAnswer)
    const error =
      settled.status === 'deadline'
        ? deadlineError(candidate, route.operation, 'answer')
        : toProviderError(settled.error, candidate, route.operation)
    plan.finish({ outcome: signal.aborted ? 'left' : 'failed', error, usage: error.usage })
    return signal.aborted ? { status: 'left' } : { status: 'failed', error }
  })

  function latencyOf(plan: AttemptPlan) {
    return { latencyMs: Math.max(0, clock() - plan.startedAt), isStream: false }
  }

  function listen(answer: Promise<T>, { candidate, attemptId }: AttemptPlan, tell: (late: LateAnswer<T>) => void): void {
    answer
      .then(
        (value) => tell({ attemptId, candidate, status: 'answered', value }),
        (thrown: unknown) =>
          tell({ attemptId, candidate, status: 'failed', error: toProviderError(thrown, candidate, route.operation) }),
      )
      .catch(() => {})
  }
}

/** A call that throws before it returns its promise has failed like any other. */
async function callSafely<T>(call: () => Promise<T>): Promise<T> {
  return call()
}
