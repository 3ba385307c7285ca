import type { EndedCall } from './read-call.ts'

/** What was heard about a call besides what we asked. */
export interface CallNews {
  callId: string
  /** The attempt that placed it, where that is told. */
  attemptId?: string
  /** How it ended, if it did. */
  end?: EndedCall
}

/** One attempt to place a call, until that call ends. */
export interface CallWatch {
  /** The call's id: what the answer to placing it said, or until then what a status callback did. */
  readonly callId: string | undefined
  readonly end: EndedCall | undefined
  /** The answer to placing the call told its id. */
  identify(callId: string): void
  /** Waits so long, or until there is news. */
  pause(milliseconds: number): Promise<void>
  /** Stops watching. A pause that goes on ends. */
  close(): void
}

/** The attempts that wait for their calls. */
export interface CallWatches {
  open(attemptId: string): CallWatch
  /** Tells whoever waits for this call. */
  tell(news: CallNews): void
}

/** Watches by attempt from before its call is placed, because a status callback can be faster than the answer, or come in its stead. */
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
        // That it rings is no news to whoever knows that it was placed.
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
