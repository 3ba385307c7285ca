import { TIMER_MS_MAX } from '../check-times.ts'
import { RequestTimeoutError } from './http-errors.ts'

/**
 * Waits for `running`, but at most `ms` milliseconds. Then it aborts `late` and stops waiting.
 *
 * @throws {RequestTimeoutError} the time was up
 */
export async function withinTime<Result>(ms: number, late: AbortController, running: Promise<Result>): Promise<Result> {
  // Longer than a timer can wait: nobody waits that long.
  if (ms > TIMER_MS_MAX) return running
  const { promise: over, reject } = Promise.withResolvers<never>()
  const timer = setTimeout(() => {
    const error = new RequestTimeoutError(`the request took longer than ${ms} ms and was stopped`)
    // Reject before the abort, so that the caller gets this error and not that of the stopped work.
    reject(error)
    late.abort(error)
  }, ms)
  try {
    return await Promise.race([running, over])
  } finally {
    clearTimeout(timer)
  }
}
