import { isFareboxError } from '@farebox/core'
import { CallerLeftError } from '../errors.ts'

/**
 * Waits until a body has been read.
 *
 * @throws {CallerLeftError} its sender left before its end, which is no failure of ours
 */
export async function untilSent<Result>(reading: Promise<Result>): Promise<Result> {
  try {
    return await reading
  } catch (cause) {
    // One that was read before us is told by a TypeError: its sender is still there.
    if (isFareboxError(cause) || cause instanceof TypeError) throw cause
    throw new CallerLeftError('the caller left before the body had ended', { cause })
  }
}
