/** What callbacks put in, for one reader to take out in order: how the messages of a websocket become a stream. */
export interface Inbox<Item> {
  /** Puts an item in, unless the inbox was closed. */
  put(item: Item): void
  /** Closes the inbox: what is in it can still be taken, and then taking fails with `reason`. Only the first reason counts. */
  close(reason: unknown): void
  /** The next item, when there is one. */
  take(): Promise<Item>
}

/** Opens an inbox. */
export function openInbox<Item>(): Inbox<Item> {
  const items: Item[] = []
  let closed: { reason: unknown } | undefined
  let waiting: PromiseWithResolvers<Item> | undefined
  return {
    put: (item) => {
      if (closed) return
      if (waiting) waiting.resolve(item)
      else items.push(item)
      waiting = undefined
    },
    close: (reason) => {
      closed ??= { reason }
      waiting?.reject(closed.reason)
      waiting = undefined
    },
    take: () => {
      if (items.length > 0) return Promise.resolve(items.shift() as Item)
      if (closed) return Promise.reject(closed.reason)
      waiting ??= Promise.withResolvers<Item>()
      return waiting.promise
    },
  }
}
