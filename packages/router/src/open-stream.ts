import { type CallContext, steadyClock } from '@farebox/core'
import type { AttemptPlan } from './attempt-plan.ts'
import { type Deadlines, wasShort } from './deadlines.ts'
import type { AttemptResult } from './hedge.ts'
import { createLeash, type Leash } from './leash.ts'
import type { Operation } from './route.ts'
import type { StreamEvent } from './stream-ending.ts'
import { createSource, read, type Source } from './stream-source.ts'

/** A provider's stream that has produced its first content. */
export interface OpenedStream<Event> {
  plan: AttemptPlan
  leash: Leash
  source: Source<Event>
  /** Events read while waiting for content. The last one is the content. */
  waiting: readonly Event[]
}

/** Opens a stream and waits for its first content. Until then, failures are returned and the consumer has received nothing. */
export async function openStream<Event extends StreamEvent>(
  plan: AttemptPlan,
  open: (context: CallContext) => AsyncIterable<Event>,
  { deadlines, operation }: { deadlines: Required<Deadlines>; operation: Operation },
): Promise<AttemptResult<OpenedStream<Event>>> {
  const { candidate, attemptId } = plan
  const leash = createLeash(plan.signal)
  const source = createSource(() => open({ signal: leash.signal, attemptId }))
  const { firstEventMs } = deadlines
  const waitMs = Math.min(firstEventMs, plan.msLeft)
  const firstBy = steadyClock() + waitMs
  const waiting: Event[] = []
  for (;;) {
    const settled = await leash.wait(source.next(), firstBy - steadyClock())
    const next = read(settled, candidate, operation, 'first content')
    if (next.status === 'event') {
      waiting.push(next.event)
      if (!isContent(next.event)) continue
      if (plan.answer()) return { status: 'succeeded', value: { plan, leash, source, waiting } }
      stop(leash, source)
      plan.finish({ outcome: 'left', usage: next.event.usage, requestId: next.event.requestId })
      return { status: 'lost' }
    }
    stop(leash, source)
    const error = next.status === 'failed' ? next.error : undefined
    if (!error || plan.signal.aborted) {
      plan.finish({ outcome: 'left', error, usage: error?.usage })
      return { status: 'left' }
    }
    const isOurs = settled.status === 'deadline' && wasShort(waitMs, firstEventMs, deadlines)
    plan.finish({ outcome: 'failed', error, usage: error.usage, isOurs })
    return { status: 'failed', error }
  }
}

/** Stops a provider without waiting for it. */
export function stop(leash: Leash, source: Source<unknown>): void {
  leash.cancel()
  leash.release()
  source.close()
}

/** A finish counts as content, because an empty answer is an answer. Empty text does not, because providers open streams with it. */
function isContent(event: StreamEvent): boolean {
  return event.type !== 'text' || event.text !== ''
}
