import { type Credits, microCredits, microUnits, type Quantity, type Unit, type UsageQuantity } from '@farebox/core'
import type { PriceQuery } from './errors.ts'
import type { PriceBook } from './price-book.ts'
import type { PricedEntry } from './priced-entry.ts'
import { rateCall } from './rate-call.ts'
import { notPriced } from './rate-lines.ts'
import { Rating } from './rating.ts'
import { rational } from './rational.ts'

/**
 * Prices the usage of one call with the book in force at `query.at`. A call that is settled in slices is rated as a whole each time: its
 * next slice costs the rating of everything so far, less the rating of what came before.
 *
 * @throws {PriceNotFoundError} the provider, one of the units, or a stated attribute has no price then
 */
export function rate(book: PriceBook, query: PriceQuery, quantities: readonly UsageQuantity[]): Rating {
  return rateEntry(book.find(query), query, quantities)
}

/** {@link rate} where the price was looked up before. */
export function rateEntry(price: PricedEntry, query: PriceQuery, quantities: readonly UsageQuantity[]): Rating {
  if (price.compiled.isPlain) return ratePlain(price, query, quantities)
  const call = rateCall(price, query, quantities)
  return new Rating(price, query, quantities, call.total, call)
}

/** Most prices are price × quantity. Their steps are only worked out when somebody asks for them. */
function ratePlain(price: PricedEntry, query: PriceQuery, quantities: readonly UsageQuantity[]): Rating {
  const { rates } = price.compiled
  let sum = 0n
  for (const usage of quantities) {
    const multiplier = rates.find(usage.meter, usage.unit)?.multiplier
    if (multiplier !== undefined) sum += usage.quantity * multiplier
    else if (usage.quantity !== 0n) throw notPriced(price, query, rates, usage)
  }
  return new Rating(price, query, quantities, rational(sum, rates.denominator))
}

/** Rounds an amount up to a step, by default to a whole credit. */
export function roundUp(amount: Credits, step: bigint = 1_000_000n): Credits {
  return microCredits(((amount + step - 1n) / step) * step)
}

/** Quantities of one unit as one: what a receipt line shows. The first quantity says which unit. */
export function totalQuantity(quantities: readonly UsageQuantity[]): { quantity: Quantity; unit: Unit } | undefined {
  const unit = quantities[0]?.unit
  if (unit === undefined) return undefined
  const same = quantities.filter((usage) => usage.unit === unit)
  return { quantity: microUnits(same.reduce((sum, usage) => sum + usage.quantity, 0n)), unit }
}
