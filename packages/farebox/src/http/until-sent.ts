import { isFareboxError } from '@farebox/core'
import { CallerLeftError } from '../errors.ts'

/**
 * Waits until a body has been read.
 *
 * @throws {CallerLeftError} the sender left before the end of the body, which is no failure of ours
 */
export async function untilSent<Result>(reading: Promise<Result>): Promise<Result> {
  try {
    return await reading
  } catch (cause) {
    // A TypeError says that the body was already read: its sender is still there.
    if (isFareboxError(cause) || cause instanceof TypeError) throw cause
    throw new CallerLeftError('the caller left before the body had ended', { cause })
  }
}
