interface Item<Event> {
  event: Event
  /** Settles when `see` has handled the event. */
  seen: Promise<void>
}

/**
 * Reads events ahead of their reader. `see` handles each event as soon as it arrives and before the reader gets it, so that costs
 * are counted even if the reader is slow, or leaves before it reaches the event.
 *
 * @param errorOf  what the reader gets in place of an error of the source
 */
export function readAhead<Event>(
  source: AsyncIterableIterator<Event, undefined, undefined>,
  see: (event: Event) => Promise<void> | void,
  errorOf: (error: unknown) => unknown,
): AsyncIterableIterator<Event, undefined, undefined> {
  const items: Item<Event>[] = []
  let ending: { error?: unknown } | undefined
  let isLeft = false
  /** Wakes a waiting reader. */
  let wake: (() => void) | undefined

  async function pump(): Promise<void> {
    for (;;) {
      const step = await source.next()
      if (step.done) return
      const seen = (async () => see(step.value))()
      // Stop buying more. The reader gets the error when it reaches this event.
      seen.catch(() => source.return?.())
      items.push({ event: step.value, seen })
      if (wake) wake()
      // Let a reader that keeps up act on this event before the next one is requested.
      else await new Promise<void>((resolve) => void setImmediate(resolve))
      // The source may begin what this event must pay for first.
      await seen.catch(() => {})
    }
  }
  const end = (how: { error?: unknown }) => {
    ending = how
    wake?.()
  }
  pump().then(
    () => end({}),
    (error: unknown) => end({ error: errorOf(error) }),
  )

  async function readOn(): Promise<IteratorResult<Event, undefined>> {
    while (!isLeft) {
      const item = items.shift()
      if (item) {
        await item.seen.catch((error: unknown) => {
          isLeft = true
          throw error
        })
        return { done: false, value: item.event }
      }
      if (ending) {
        isLeft = true
        if ('error' in ending) throw ending.error
        break
      }
      await new Promise<void>((resolve) => {
        wake = resolve
      })
      wake = undefined
    }
    return { done: true, value: undefined }
  }

  let reading: Promise<unknown> = Promise.resolve()
  const events: AsyncIterableIterator<Event, undefined, undefined> = {
    next() {
      const result = reading.then(readOn)
      reading = result.catch(() => {})
      return result
    },
    async return() {
      isLeft = true
      items.length = 0
      wake?.()
      await source.return?.()
      return { done: true, value: undefined }
    },
    [Symbol.asyncIterator]: () => events,
  }
  return events
}
