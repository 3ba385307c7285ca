/** Events that come when they come, for a reader who waits for them: what turns a socket's callbacks into a loop. */
export interface EventQueue<Event> {
  /** Hands an event over. After the end, nothing is. */
  push(event: Event): void
  /** Ends the queue, once what is in it was read. */
  end(): void
  /** Ends the queue with an error, once what is in it was read. */
  fail(error: unknown): void
  /** The next event, in the order in which they came. One reader waits at a time. */
  next(): Promise<IteratorResult<Event, undefined>>
}

/** An empty queue. */
export function eventQueue<Event>(): EventQueue<Event> {
  const events: Event[] = []
  let ending: { error?: unknown } | undefined
  let wake = () => {}
  const finish = (how: { error?: unknown }) => {
    ending ??= how
    wake()
  }
  return {
    push(event) {
      if (ending) return
      events.push(event)
      wake()
    },
    end: () => finish({}),
    fail: (error) => finish({ error }),
    async next() {
      while (events.length === 0 && !ending) {
        const { promise, resolve } = Promise.withResolvers<void>()
        wake = resolve
        await promise
      }
      const [event] = events.splice(0, 1)
      if (event !== undefined) return { done: false, value: event }
      if (ending && 'error' in ending) throw ending.error
      return { done: true, value: undefined }
    },
  }
}
