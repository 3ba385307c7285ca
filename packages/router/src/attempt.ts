import type { Usage } from '@farebox/core'
import { serve } from './attempt-loop.ts'
import { type AttemptOptions, type CallCandidate, type LateAnswer, resolveAttemptOptions } from './attempt-options.ts'
import type { AttemptPlan } from './attempt-plan.ts'
import type { AttemptOutcome } from './attempt-record.ts'
import { AttemptRun } from './attempt-run.ts'
import { type Deadlines, wasShort } from './deadlines.ts'
import type { AttemptResult } from './hedge.ts'
import { createLeash } from './leash.ts'
import { deadlineError, toProviderError } from './provider-failure.ts'

/** Options of {@link attempt}. */
export interface WholeAttemptOptions<T, Refusal = never> extends AttemptOptions<Refusal> {
  /**
   * Calls a candidate. Its signal fires at the deadline, when the caller leaves or when another attempt wins, which ends the wait
   * for it.
   */
  call: CallCandidate<Promise<T>>
  /**
   * Receives the late outcome of an attempt that was abandoned: at a deadline, because the caller left or because another attempt
   * won. Exceptions that it throws are ignored.
   */
  onLateAnswer?: (answer: LateAnswer<T>) => void
}

/** The fields of an answer that go into its {@link AttemptRecord}. The results of all adapters have them. */
export interface WholeAnswer {
  usage?: Usage
  requestId?: string
  callId?: string
}

/**
 * Serves a route: calls its candidates in order until one answers, within one overall deadline. Failures of providers are
 * returned, not thrown.
 *
 * @throws what `beforeAttempt` throws
 * @throws {InvalidOptionError} a number in `deadlines`, `retries` or `hedge` is `NaN`
 */
export async function attempt<T extends WholeAnswer, Refusal = never>(
  options: WholeAttemptOptions<T, Refusal>,
): Promise<AttemptOutcome<T, Refusal>> {
  const run = new AttemptRun(resolveAttemptOptions(options), false)
  try {
    return await serve(run, (plan) => makeWhole(plan, options, run.options.deadlines))
  } finally {
    run.close()
  }
}

async function makeWhole<T extends WholeAnswer, Refusal>(
  plan: AttemptPlan,
  { call, onLateAnswer, route }: WholeAttemptOptions<T, Refusal>,
  deadlines: Required<Deadlines>,
): Promise<AttemptResult<T>> {
  const { candidate, attemptId } = plan
  const leash = createLeash(plan.signal)
  const answer = callSafely(() => call(candidate, { signal: leash.signal, attemptId }))
  const { attemptMs } = deadlines
  const waitMs = Math.min(attemptMs, plan.msLeft)
  const settled = await leash.wait(answer, waitMs)
  leash.release()
  // A custom adapter may resolve to nothing, which is no answer.
  if (settled.status === 'fulfilled' && settled.value) {
    const { value } = settled
    const isFirst = plan.answer()
    plan.finish({ outcome: 'succeeded', usage: value.usage, requestId: value.requestId ?? value.callId })
    return isFirst ? { status: 'succeeded', value } : { status: 'lost' }
  }
  if ((settled.status === 'deadline' || settled.status === 'left') && onLateAnswer) listen(answer)
  if (settled.status === 'left') {
    plan.finish({ outcome: 'left' })
    return { status: 'left' }
  }
  const error =
    settled.status === 'deadline'
      ? deadlineError(candidate, route.operation, 'answer')
      : toProviderError(
          settled.status === 'rejected' ? settled.error : new TypeError('it answered nothing'),
          candidate,
          route.operation,
        )
  const hasLeft = plan.signal.aborted
  const isOurs = settled.status === 'deadline' && wasShort(waitMs, attemptMs, deadlines)
  plan.finish({ outcome: hasLeft ? 'left' : 'failed', error, usage: error.usage, isOurs })
  return hasLeft ? { status: 'left' } : { status: 'failed', error }

  function listen(late: Promise<T>): void {
    late
      .then(
        (value) => onLateAnswer?.({ attemptId, candidate, status: 'answered', value }),
        (thrown: unknown) => {
          const failure = toProviderError(thrown, candidate, route.operation)
          onLateAnswer?.({ attemptId, candidate, status: 'failed', error: failure })
        },
      )
      .catch(() => {})
  }
}

/** Turns a synchronous throw into a rejection, so that it counts as a failure like any other, and a synchronous answer into one. */
function callSafely<T>(call: () => Promise<T>): Promise<T> {
  try {
    return Promise.resolve(call())
  } catch (error) {
    return Promise.reject(error)
  }
}
