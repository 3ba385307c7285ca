interface Item<Event> {
  event: Event
  /** Settles when it was seen. */
  seen: Promise<void>
}

/**
 * The events, each seen before its reader has it, and as soon as it is there: what they tell of costs counts also where their reader takes
 * its time, or leaves before it has come to it.
 */
export function readAhead<Event>(
  source: AsyncIterableIterator<Event, undefined, undefined>,
  see: (event: Event) => Promise<void> | void,
): AsyncIterableIterator<Event, undefined, undefined> {
  const items: Item<Event>[] = []
  let ending: { error?: unknown } | undefined
  let isLeft = false
  /** A reader that waits. */
  let wake: (() => void) | undefined

  async function pump(): Promise<void> {
    for (;;) {
      const step = await source.next()
      if (step.done) return
      const seen = (async () => see(step.value))()
      // Nothing more is to be bought; its reader is told when it comes to it.
      seen.catch(() => source.return?.())
      items.push({ event: step.value, seen })
      if (wake) wake()
      // A reader that keeps up comes first: what it does about an event is known before the next is asked for.
      else await new Promise<void>((resolve) => void setImmediate(resolve))
    }
  }
  const end = (how: { error?: unknown }) => {
    ending = how
    wake?.()
  }
  pump().then(
    () => end({}),
    (error: unknown) => end({ error }),
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
