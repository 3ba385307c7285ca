import {
  type Credits,
  isFareboxError,
  microCredits,
  microUnits,
  type Quantity,
  type Unit,
  type UsageQuantity,
} from '@farebox/core'
import type { PriceQuery } from './errors.ts'
import type { PriceBook } from './price-book.ts'
import type { PricedEntry } from './priced-entry.ts'
import { rateCall } from './rate-call.ts'
import { notPriced } from './rate-lines.ts'
import { Rating } from './rating.ts'
import { rational } from './rational.ts'
import type { RateSet, UnitPrice } from './rules/rate-set.ts'

/**
 * Prices the usage of one call, with the version in force at `query.at`. For a call settled in slices, rate the whole call each
 * time: the next slice costs the rating of everything so far, less the rating of what came before.
 *
 * @throws {PriceNotFoundError} the provider, a unit or a stated attribute has no price then
 */
export function rate(book: PriceBook, query: PriceQuery, quantities: readonly UsageQuantity[]): Rating {
  return rateEntry(book.find(query), query, quantities)
}

/** Like {@link rate}, for a price that was already looked up. */
export function rateEntry(price: PricedEntry, query: PriceQuery, quantities: readonly UsageQuantity[]): Rating {
  const plain = price.plainRates(query)
  if (plain) {
    const rated = ratePlain(price, query, plain, quantities)
    if (rated instanceof Rating) return rated
    throw notPriced(price, query, plain, rated)
  }
  const call = rateCall(price, query, quantities)
  return new Rating(price, query, quantities, call.total, call)
}

/** Like {@link rateEntry}, but returns `undefined` if a unit or a stated attribute has no price. */
export function rateIfPriced(price: PricedEntry, query: PriceQuery, quantities: readonly UsageQuantity[]): Rating | undefined {
  const plain = price.plainRates(query)
  if (plain) {
    const rated = ratePlain(price, query, plain, quantities)
    return rated instanceof Rating ? rated : undefined
  }
  try {
    return rateEntry(price, query, quantities)
  } catch (error) {
    if (isFareboxError(error) && error.code === 'PRICE_NOT_FOUND') return undefined
    throw error
  }
}

/**
 * Rates plain prices, which most are: price × quantity. Their steps are worked out only on demand.
 *
 * @returns the first usage without a price, if any. Creating an error would cost more than rating, and not every caller needs
 *   one.
 */
function ratePlain(
  price: PricedEntry,
  query: PriceQuery,
  rates: RateSet,
  quantities: readonly UsageQuantity[],
): Rating | UsageQuantity {
  let sum = 0n
  for (const usage of quantities) {
    const found = rates.find(usage.meter, usage.unit)
    const multiplier = found && multiplierOf(found, quantities)
    if (multiplier !== undefined) sum += usage.quantity * multiplier
    else if (usage.quantity !== 0n) return usage
  }
  return new Rating(price, query, quantities, rational(sum, rates.denominator))
}

/** The multiplier of a price; with tiers, of the tier that the whole request reaches. */
function multiplierOf(
  { multipliers, rate: { tiers, rate } }: UnitPrice,
  quantities: readonly UsageQuantity[],
): bigint | undefined {
  if (!tiers?.reachedAt) return multipliers?.[0]
  let measured = 0n
  for (const usage of quantities) {
    if (usage.unit === rate.unit && tiers.measured.has(usage.meter)) measured += usage.quantity
  }
  let tier = tiers.reachedAt.length - 1
  while (tier > 0 && measured < (tiers.reachedAt[tier] ?? 0n)) tier -= 1
  return multipliers?.[tier]
}

/** Rounds an amount up to a multiple of `step`. @defaultValue a whole credit */
export function roundUp(amount: Credits, step: bigint = 1_000_000n): Credits {
  return microCredits(((amount + step - 1n) / step) * step)
}

/** Sums all quantities that have the unit of the first one, as a receipt line shows them. `undefined` if there are none. */
export function totalQuantity(quantities: readonly UsageQuantity[]): { quantity: Quantity; unit: Unit } | undefined {
  const [first] = quantities
  if (!first) return undefined
  const { unit } = first
  if (quantities.length === 1) return { quantity: first.quantity, unit }
  const same = quantities.filter((usage) => usage.unit === unit)
  return { quantity: microUnits(same.reduce((sum, usage) => sum + usage.quantity, 0n)), unit }
}
