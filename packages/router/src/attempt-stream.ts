import type { CallContext } from '@farebox/core'
import { stepAfter } from './after-failure.ts'
import { serve } from './attempt-loop.ts'
import { resolveAttemptOptions } from './attempt-options.ts'
import type { AttemptPlan } from './attempt-plan.ts'
import type { AttemptOutcome } from './attempt-record.ts'
import { AttemptRun } from './attempt-run.ts'
import { createLiveStream } from './live-stream.ts'
import { type OpenedStream, openStream } from './open-stream.ts'
import type { AttemptStream, StreamEvent, StreamPart } from './stream-ending.ts'
import type { StreamAttemptOptions } from './stream-options.ts'
import { StreamProduction } from './stream-production.ts'
import { keepEvents, type Tally } from './tally.ts'

const CONTINUATIONS_MAX = 2

/**
 * Serves a route with a stream. Resolves when a candidate has produced its first content. Until then nothing has reached the
 * caller, and every failure, fallback and refusal is a returned value. From then on the candidate is final, unless `afterContent`
 * lets another one continue the stream.
 *
 * @throws what `beforeAttempt` throws, before the first content
 * @throws {InvalidOptionError} a number in `deadlines`, `retries` or `hedge` is `NaN`
 */
export async function attemptStream<Event extends StreamEvent, Refusal = never, Produced = readonly Event[]>(
  options: StreamAttemptOptions<Event, Refusal, Produced>,
): Promise<AttemptOutcome<AttemptStream<Event, Produced>, Refusal>> {
  const run = new AttemptRun(resolveAttemptOptions(options), true)
  const { route, deadlines, allowContentPolicyFallback } = run.options
  const { afterContent = 'end', continuationsMax = CONTINUATIONS_MAX } = options

  const open = (plan: AttemptPlan, earlier: readonly StreamPart<Produced>[]) =>
    openStream(plan, (context: CallContext) => options.open(plan.candidate, context, earlier), {
      deadlines,
      operation: route.operation,
    })

  /** The stream of another candidate that continues where `parts` were cut, or `undefined` if none can or may. */
  async function continueAfter(parts: readonly StreamPart<Produced>[]): Promise<OpenedStream<Event> | undefined> {
    const cut = parts.at(-1)
    if (!cut?.error || parts.length > continuationsMax || run.queue.length === 0) return undefined
    const step = stepAfter(cut.error.kind, route.operation, allowContentPolicyFallback)
    if (step === 'stop') return undefined
    if ((typeof afterContent === 'function' ? afterContent(cut) : afterContent) === 'end') return undefined
    const outcome = await serve<OpenedStream<Event>, Refusal>(run, (plan) => open(plan, parts), true)
    return outcome.status === 'succeeded' ? outcome.value : undefined
  }

  let isLive = false
  try {
    const outcome = await serve<OpenedStream<Event>, Refusal>(run, (plan) => open(plan, []))
    if (outcome.status !== 'succeeded') return outcome
    isLive = true
    const production = new StreamProduction<Event, Produced>(outcome.value, {
      run,
      // Without a tally from the caller, `Produced` is the list of events.
      tally: options.tally ?? (keepEvents as () => Tally<Event, never>),
      drain: options.drain ?? (() => 0),
      continueAfter,
      onContinued: options.onContinued ?? (() => {}),
    })
    return { ...outcome, value: createLiveStream(production) }
  } finally {
    if (!isLive) run.close()
  }
}
