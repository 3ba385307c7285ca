import type { EndedCall } from './read-call.ts'

/** News about a call from outside the wait for it: a status callback, or another request. */
export interface CallNews {
  callId: string
  /** The attempt that placed it, if known. */
  attemptId?: string
  /** How it ended, if it has. */
  end?: EndedCall
}

/** Watches one attempt to place a call, until the call ends. */
export interface CallWatch {
  /** The call's id, from the answer to the request that placed it, or until then from a status callback. */
  readonly callId: string | undefined
  readonly end: EndedCall | undefined
  /** Sets the call's id, once Twilio's answer names it. */
  identify(callId: string): void
  /** Waits for a time, or until there is news. */
  pause(milliseconds: number): Promise<void>
  /** Stops watching, and ends a pause in progress. */
  close(): void
}

/** All watches of an adapter. */
export interface CallWatches {
  open(attemptId: string): CallWatch
  /** Passes news to the watches of its call. */
  tell(news: CallNews): void
}

/** Makes watches. They open before their call is placed, because a callback may arrive before the answer, or instead of it. */
export function callWatches(): CallWatches {
  const watching = new Set<(news: CallNews) => void>()
  return {
    open(attemptId) {
      let callId: string | undefined
      let isIdentified = false
      let end: EndedCall | undefined
      let wake = () => {}
      const hear = (news: CallNews) => {
        if (isIdentified ? news.callId !== callId : news.attemptId !== attemptId) return
        if (news.callId !== callId) end = undefined
        callId = news.callId
        end ??= news.end
        // Once the id is known, only the call's end is news.
        if (end !== undefined || !isIdentified) wake()
      }
      watching.add(hear)
      return {
        get callId() {
          return callId
        },
        get end() {
          return end
        },
        identify(id) {
          if (id !== callId) end = undefined
          callId = id
          isIdentified = true
        },
        pause: (milliseconds) =>
          new Promise((resolve) => {
            const timer = setTimeout(resolve, milliseconds)
            wake = () => {
              clearTimeout(timer)
              resolve()
            }
          }),
        close() {
          watching.delete(hear)
          wake()
        },
      }
    },
    tell(news) {
      for (const hear of watching) hear(news)
    },
  }
}
