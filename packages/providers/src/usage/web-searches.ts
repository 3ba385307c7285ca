import { quantity, type UsageQuantity } from '@farebox/core'

/** Searches of the web that a provider made for an answer, and bills besides its tokens. */
export function webSearches(count: number): UsageQuantity {
  return { meter: 'web_searches', quantity: quantity(count), unit: 'requests' }
}
