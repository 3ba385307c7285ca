import { type AttemptResult, attemptEach } from './attempt-loop.ts'
import { type AttemptOptions, type CallCandidate, resolveAttemptOptions } from './attempt-options.ts'
import type { AttemptOutcome } from './attempt-record.ts'
import { createLeash } from './leash.ts'
import { createLiveStream } from './live-stream.ts'
import type { AttemptStream, StreamEvent } from './stream-ending.ts'
import { createSource, read } from './stream-source.ts'

export interface StreamAttemptOptions<Event extends StreamEvent, Refusal = never> extends AttemptOptions<Refusal> {
  /** Opens a stream at a candidate. Its signal fires at a deadline, when the caller leaves, and when the consumer stops reading. */
  open: CallCandidate<AsyncIterable<Event>>
}

/**
 * Serves a route with a stream. Resolves when a candidate has produced its first content, so that until then every failure,
 * fallback and refusal is a value and nothing has been sent to the caller; from then on the candidate is final.
 *
 * @throws what `beforeAttempt` throws
 */
export function attemptStream<Event extends StreamEvent, Refusal = never>(
  options: StreamAttemptOptions<Event, Refusal>,
): Promise<AttemptOutcome<AttemptStream<Event>, Refusal>> {
  const resolved = resolveAttemptOptions(options)
  const { route, clock, deadlines, signal } = resolved

  return attemptEach<AttemptStream<Event>, Refusal>(resolved, async (plan): Promise<AttemptResult<AttemptStream<Event>>> => {
    const { candidate, attemptId, startedAt } = plan
    const leash = createLeash(signal)
    const source = createSource(() => options.open(candidate, { signal: leash.signal, attemptId }))
    const firstBy = Math.min(startedAt + deadlines.firstEventMs, plan.endsAt)
    const waiting: Event[] = []
    for (;;) {
      const next = read(await leash.wait(source.next(), firstBy - clock()), candidate, route.operation, 'first content')
      if (next.status === 'event') {
        waiting.push(next.event)
        if (!isContent(next.event)) continue
        const latency = { latencyMs: Math.max(0, clock() - startedAt), isStream: true }
        const { betweenEventsMs } = deadlines
        return {
          status: 'succeeded',
          value: createLiveStream({
            plan,
            leash,
            source,
            waiting,
            latency,
            betweenEventsMs,
            signal,
            clock,
            operation: route.operation,
          }),
        }
      }
      leash.cancel()
      leash.release()
      source.close()
      if (next.status === 'left' || signal.aborted) {
        plan.finish({ outcome: 'left', error: undefined, usage: undefined })
        return { status: 'left' }
      }
      plan.finish({ outcome: 'failed', error: next.error, usage: next.error.usage })
      return { status: 'failed', error: next.error }
    }
  })
}

/** A finish is content too: an answer of nothing is an answer. Empty text is what providers open with. */
function isContent(event: StreamEvent): boolean {
  return event.type !== 'text' || event.text !== ''
}
