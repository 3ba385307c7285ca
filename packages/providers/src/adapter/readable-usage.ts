import { isFareboxError } from '@farebox/core'

/**
 * What `read` makes of a provider's usage or price, or `undefined` where that contradicts itself: a server that cannot count must cost neither
 * its caller the answer nor us the charge, which is then made by what we counted ourselves.
 */
export function readable<T>(read: () => T | undefined): T | undefined {
  try {
    return read()
  } catch (error) {
    if (isFareboxError(error) && (error.code === 'INVALID_USAGE' || error.code === 'INVALID_QUANTITY')) return undefined
    throw error
  }
}
