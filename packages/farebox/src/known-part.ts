import type { Usage, UsageQuantity } from '@farebox/core'
import { isUnpriceable } from './book-prices.ts'

/**
 * Finds the part of a usage that has a price, and prices it. `undefined` if no part has one.
 *
 * @param error  why the whole usage has no price
 * @param price  prices quantities, and throws an {@link isUnpriceable} error if they have no price
 */
export function knownPart<Pricing>(
  error: { code: string },
  usage: Usage,
  price: (quantities: readonly UsageQuantity[]) => Pricing,
): (Pricing & { usage: Usage }) | undefined {
  if (error.code !== 'PRICE_NOT_FOUND') return undefined
  const priceIfAny = (quantities: readonly UsageQuantity[]) => {
    try {
      return price(quantities)
    } catch (thrown) {
      if (!isUnpriceable(thrown)) throw thrown
      return undefined
    }
  }
  const quantities = usage.quantities.filter((one) => priceIfAny([one]))
  const pricing = quantities.length > 0 ? priceIfAny(quantities) : undefined
  return pricing && { ...pricing, usage: { ...usage, quantities, certainty: 'floor' } }
}
