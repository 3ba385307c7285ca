import { ProviderError } from '@farebox/core'
import type { AttemptLatency, AttemptPlan } from './attempt-loop.ts'
import { type Leash, TIMER_MS_MAX } from './leash.ts'
import { deadlineError } from './provider-failure.ts'
import type { Operation } from './route.ts'
import { type AttemptStream, StreamCutError, type StreamEnding, type StreamEvent } from './stream-ending.ts'
import { read, type Source } from './stream-source.ts'

/** A stream that has produced its first content. */
export interface StreamParts<Event> {
  plan: AttemptPlan
  leash: Leash
  source: Source<Event>
  /** Events that were read while waiting for content; the last is the content. */
  waiting: readonly Event[]
  latency: AttemptLatency
  betweenEventsMs: number
  signal: AbortSignal
  clock: () => number
  operation: Operation
}

/**
 * Passes a stream on, event by event as the consumer asks, and sees to its ending, which comes once: by its finish, by a cut,
 * or by somebody leaving. The iterator is written by hand, because a generator would run `return` only after the event that it
 * waits for, and not at all before it was first read.
 */
export function createLiveStream<Event extends StreamEvent>(parts: StreamParts<Event>): AttemptStream<Event> {
  const { plan, leash, source, signal, operation } = parts
  const { candidate, attemptId } = plan
  const produced: Event[] = [...parts.waiting]
  let unread = 0
  let ending: StreamEnding<Event> | undefined
  let isClosed = false
  let reading: Promise<unknown> = Promise.resolve()
  const { promise: ended, resolve } = Promise.withResolvers<StreamEnding<Event>>()

  const leave = () => end({ status: 'left', usage: undefined, produced })
  signal.addEventListener('abort', leave)
  // A consumer that reads slowly, or not at all, must not hold the provider beyond the deadline of the whole.
  const timer = setTimeout(
    () => end(cut(deadlineError(candidate, operation, 'end of the stream'))),
    Math.min(Math.max(0, plan.endsAt - parts.clock()), TIMER_MS_MAX),
  )
  if (signal.aborted) leave()
  endIfFinish(produced.at(-1))

  /** The first ending counts. It is written down at once, so what was produced is accounted though nobody reads on. */
  function end(how: StreamEnding<Event>): void {
    if (ending) return
    ending = how
    clearTimeout(timer)
    signal.removeEventListener('abort', leave)
    leash.cancel()
    leash.release()
    source.close()
    const error = how.status === 'cut' ? how.error.cause : undefined
    plan.finish(
      { outcome: how.status === 'finished' ? 'succeeded' : how.status, error, usage: how.usage },
      how.status === 'finished' ? parts.latency : undefined,
    )
    resolve(how)
  }

  function endIfFinish(event: Event | undefined): void {
    if (event?.type === 'finish') end({ status: 'finished', finish: event, usage: event.usage, produced })
  }

  function cut(error: ProviderError): StreamEnding<Event> & { status: 'cut' } {
    return { status: 'cut', error: new StreamCutError({ error, candidate, attemptId, produced }), usage: error.usage, produced }
  }

  async function readOn(): Promise<IteratorResult<Event, undefined>> {
    for (;;) {
      if (isClosed) return { done: true, value: undefined }
      const event = produced[unread]
      if (event) {
        unread += 1
        return { done: false, value: event }
      }
      if (ending) return readPastEnd(ending)
      const next = read(await leash.wait(source.next(), parts.betweenEventsMs), candidate, operation, 'next event')
      // Whatever ended the stream while it was waited for has the last word.
      if (ending) continue
      if (next.status === 'left') leave()
      else if (next.status === 'failed') end(cut(next.error))
      else {
        produced.push(next.event)
        endIfFinish(next.event)
      }
    }
  }

  function readPastEnd(how: StreamEnding<Event>): IteratorResult<Event, undefined> {
    isClosed = true
    if (how.status === 'finished') return { done: true, value: undefined }
    if (how.status === 'cut') throw how.error
    const { provider } = candidate.offer
    throw cut(new ProviderError(`${provider}: the caller left`, { provider, kind: 'aborted' })).error
  }

  const events: AttemptStream<Event>['events'] = {
    next() {
      // One read at a time: providers' iterators need not allow two.
      const result = reading.then(readOn)
      reading = result.catch(() => {})
      return result
    },
    async return() {
      isClosed = true
      leave()
      return { done: true, value: undefined }
    },
    [Symbol.asyncIterator]() {
      return events
    },
  }
  return { events, ended }
}
