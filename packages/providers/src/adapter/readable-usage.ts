import { isFareboxError } from '@farebox/core'

/**
 * Runs `read` on a provider's usage or price, and returns `undefined` if that contradicts itself. A server's miscount must not
 * cost the caller the answer, nor us the charge, which then follows our own count.
 */
export function readable<T>(read: () => T | undefined): T | undefined {
  try {
    return read()
  } catch (error) {
    if (isFareboxError(error) && (error.code === 'INVALID_USAGE' || error.code === 'INVALID_QUANTITY')) return undefined
    throw error
  }
}
