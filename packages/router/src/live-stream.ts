import type { AttemptStream, StreamEvent } from './stream-ending.ts'
import type { StreamProduction } from './stream-production.ts'

/**
 * Passes on events as the consumer asks for them. The iterator is written by hand, because a generator would delay `return` until
 * the event that it is waiting for, and would not run its cleanup if it was never read.
 */
export function createLiveStream<Event extends StreamEvent, Produced>(
  production: StreamProduction<Event, Produced>,
): AttemptStream<Event, Produced> {
  let isClosed = false
  let reading: Promise<unknown> = Promise.resolve()

  async function readOn(): Promise<IteratorResult<Event, undefined>> {
    for (;;) {
      if (isClosed) return { done: true, value: undefined }
      const event = production.take()
      if (event !== undefined) return { done: false, value: event }
      if (production.isOver) return readPastEnd()
      await production.more()
    }
  }

  function readPastEnd(): IteratorResult<Event, undefined> {
    isClosed = true
    const { ending } = production
    if (ending?.status === 'finished') return { done: true, value: undefined }
    throw ending?.status === 'cut' ? ending.error : production.errorOfLeaving()
  }

  const events: AttemptStream<Event, Produced>['events'] = {
    next() {
      // One read at a time, because providers' iterators need not support concurrent ones.
      const result = reading.then(readOn)
      reading = result.catch(() => {})
      return result
    },
    async return() {
      isClosed = true
      production.leave()
      return { done: true, value: undefined }
    },
    [Symbol.asyncIterator]() {
      return events
    },
  }
  return { events, ended: production.ended }
}
