/** What came of a promise that was not waited for longer than allowed. */
export type Settled<T> =
  | { status: 'fulfilled'; value: T }
  | { status: 'rejected'; error: unknown }
  | { status: 'deadline' }
  /** The caller left, or the work was cancelled. */
  | { status: 'left' }

/** Holds one piece of work to its deadlines, and to the caller's presence. */
export interface Leash {
  /** Given to the work. Fires when a deadline passes, when the caller leaves, or on `cancel`. */
  readonly signal: AbortSignal
  /**
   * Waits for `promise`, at most `milliseconds`, then fires the signal and answers without it: work that ignores its signal
   * cannot keep us. Never rejects, and what the promise does later raises nothing.
   */
  wait<T>(promise: PromiseLike<T>, milliseconds: number): Promise<Settled<T>>
  /** Stops the work, and the wait for it. */
  cancel(): void
  /** Lets go of the caller's signal. Whatever was given the leash's signal may go on using it. */
  release(): void
}

/** The longest that a timer can wait; above it Node fires at once. */
const TIMER_MS_MAX = 2_147_483_647

/** Why every stream that has ended is cancelled. Made once: an error takes its stack, which costs more than all else here. */
const UNWANTED = new DOMException('no longer wanted', 'AbortError')

/** A timer that may be asked for any time, also one that has passed or never comes. */
export function startTimer(milliseconds: number, work: () => void): ReturnType<typeof setTimeout> {
  return setTimeout(work, Math.min(Math.max(0, milliseconds), TIMER_MS_MAX))
}

/** A leash for work that is done for the holder of `signal`. Release it when the work has ended. */
export function createLeash(signal: AbortSignal): Leash {
  const controller = new AbortController()
  const waiting = new Set<() => void>()
  const abort = (reason: unknown) => {
    controller.abort(reason)
    for (const leave of waiting) leave()
  }
  const leave = () => abort(signal.reason)
  if (signal.aborted) leave()
  else signal.addEventListener('abort', leave)
  return {
    signal: controller.signal,
    wait(promise, milliseconds) {
      return new Promise((resolve) => {
        const finish = (settled: Parameters<typeof resolve>[0]) => {
          clearTimeout(timer)
          waiting.delete(left)
          resolve(settled)
        }
        const left = () => finish({ status: 'left' })
        const expire = () => {
          finish({ status: 'deadline' })
          abort(new DOMException('a deadline passed', 'TimeoutError'))
        }
        const timer = startTimer(milliseconds, expire)
        // Listening to one's own signal would cost more than the rest of the wait.
        waiting.add(left)
        promise.then(
          (value) => finish({ status: 'fulfilled', value }),
          (error: unknown) => finish({ status: 'rejected', error }),
        )
        if (controller.signal.aborted) left()
        // A stream of answers that are ready at once would never let the timer run.
        else if (milliseconds <= 0) expire()
      })
    },
    cancel: () => abort(UNWANTED),
    release: () => signal.removeEventListener('abort', leave),
  }
}
