/** Events that come whenever they like, kept in order until they are read one by one. */
export interface EventQueue<T> {
  push(event: T): void
  /** Nothing more comes: after what is waiting, readers are told `error`. The first call counts, and what is pushed after it is dropped. */
  fail(error: unknown): void
  /** The next event, as soon as there is one. One reader at a time. */
  next(): Promise<T>
}

/** Joins an emitter that does not wait with a reader that does. */
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
