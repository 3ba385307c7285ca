import { RequestTimeoutError } from './http-errors.ts'

/**
 * Waits for `running` so long at most. When the time is over, `late` fires, and nobody waits any more.
 *
 * @throws {RequestTimeoutError} the time was over
 */
export async function withinTime<Result>(ms: number, late: AbortController, running: Promise<Result>): Promise<Result> {
  if (!Number.isFinite(ms)) return running
  const { promise: over, reject } = Promise.withResolvers<never>()
  const timer = setTimeout(() => {
    const error = new RequestTimeoutError(`the request did not end within ${ms} ms: what it had begun was stopped`)
    // First, so that it is this that is told, and not that the work was stopped.
    reject(error)
    late.abort(error)
  }, ms)
  try {
    return await Promise.race([running, over])
  } finally {
    clearTimeout(timer)
  }
}
