/** A queue that keeps pushed events in order until a reader takes them one by one. */
export interface EventQueue<T> {
  push(event: T): void
  /** Ends the queue: after the remaining events, reading throws `error`. Later errors and events are ignored. */
  fail(error: unknown): void
  /** Waits for the next event. One reader at a time. */
  next(): Promise<T>
}

/** Connects an emitter that cannot wait to a reader that does. */
export function eventQueue<T>(): EventQueue<T> {
  const waiting: T[] = []
  let failure: { error: unknown } | undefined
  let wake: (() => void) | undefined
  return {
    push(event) {
      if (failure) return
      waiting.push(event)
      wake?.()
    },
    fail(error) {
      failure ??= { error }
      wake?.()
    },
    async next() {
      while (waiting.length === 0) {
        if (failure) throw failure.error
        await new Promise<void>((resolve) => {
          wake = resolve
        })
      }
      return waiting.shift() as T
    },
  }
}
