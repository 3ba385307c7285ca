/** The outcome of a promise after a bounded wait. */
export type Settled<T> =
  | { status: 'fulfilled'; value: T }
  | { status: 'rejected'; error: unknown }
  | { status: 'deadline' }
  /** The caller left, or the work was cancelled. */
  | { status: 'left' }

/** Bounds one piece of work by its deadlines and by the caller's signal. */
export interface Leash {
  /** The signal for the work. Fires when a deadline passes, when the caller leaves, or on `cancel`. */
  readonly signal: AbortSignal
  /**
   * Waits for `promise`, at most `milliseconds`. Then fires the signal and resolves without it, so work that ignores its signal
   * cannot block the caller. Never rejects. A later rejection of the promise is ignored.
   */
  wait<T>(promise: PromiseLike<T>, milliseconds: number): Promise<Settled<T>>
  /** Stops the work and the wait for it. */
  cancel(): void
  /** Removes the listener from the caller's signal. The leash's own signal stays usable. */
  release(): void
}

/** The longest delay of a timer. For longer ones, Node fires at once. */
const TIMER_MS_MAX = 2_147_483_647

/** The abort reason of `cancel`. Created once, because capturing an error's stack costs more than everything else here. */
const UNWANTED = new DOMException('no longer wanted', 'AbortError')

/** Starts a timer for any delay, including negative and infinite ones. */
export function startTimer(milliseconds: number, work: () => void): ReturnType<typeof setTimeout> {
  return setTimeout(work, Math.min(Math.max(0, milliseconds), TIMER_MS_MAX))
}

/** Creates a leash for work on behalf of the caller behind `signal`. Release it when the work has ended. */
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
        // A set of callbacks, because a listener on our own signal would cost more than the rest of the wait.
        waiting.add(left)
        promise.then(
          (value) => finish({ status: 'fulfilled', value }),
          (error: unknown) => finish({ status: 'rejected', error }),
        )
        if (controller.signal.aborted) left()
        // Expire here, because a stream whose events are always ready would never let the timer run.
        else if (milliseconds <= 0) expire()
      })
    },
    cancel: () => abort(UNWANTED),
    release: () => signal.removeEventListener('abort', leave),
  }
}
