/** A queue between callbacks and one reader, which turns a websocket's messages into a stream. */
export interface Inbox<Item> {
  /** Adds an item, unless the inbox is closed. */
  put(item: Item): void
  /** Closes the inbox. After the remaining items, `take` rejects with `reason`. Only the first reason counts. */
  close(reason: unknown): void
  /** Waits for the next item. */
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
