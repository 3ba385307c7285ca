import { microUnits, type Unit, type UsageQuantity } from '@farebox/core'
import type { PriceQuery } from './errors.ts'
import type { PriceBook } from './price-book.ts'
import { rateEntry, rateIfPriced } from './rate.ts'
import type { Rating } from './rating.ts'
import { add, ceiling, compare, divide, floor, multiply, type Rational, rational, reduce, subtract, ZERO } from './rational.ts'
import type { CompiledRate } from './rules/compiled-rate.ts'
import type { RateSet, UnitPrice } from './rules/rate-set.ts'

/** By meter, others that a provider may count the same by instead: what its cache was given of the input is `cache_write`. */
export type OtherMeters = Readonly<Partial<Record<string, readonly string[]>>>

/**
 * The dearest that a call can come to which uses no more than `most`: what is to be held for it. That is more than the price of `most` where the
 * provider may count some of it by a meter that is dearer, or where less costs more, as in a tier that ends before.
 *
 * @throws {PriceNotFoundError} as {@link rate}, of `most` itself: another meter without a price is passed over
 */
export function rateMost(
  book: PriceBook,
  query: PriceQuery,
  most: readonly UsageQuantity[],
  otherMeters: OtherMeters = {},
): Rating {
  const price = book.find(query)
  const { rates } = price.ratesAt(query.at)
  let dearest = rateEntry(price, query, most)
  const consider = (quantities: readonly UsageQuantity[]) => {
    const rating = rateIfPriced(price, query, quantities)
    if (rating && compare(rating.total, dearest.total) > 0) dearest = rating
  }
  // What one quantity costs is not what another does, so the dearest of each together are the dearest of all.
  for (const [index, usage] of most.entries()) {
    const counted = dearest.quantities
    const own = rates.find(usage.meter, usage.unit)
    for (const meter of [usage.meter, ...(otherMeters[usage.meter] ?? [])]) {
      const found = rates.find(meter, usage.unit)
      if (!found || (found === own && meter !== usage.meter)) continue
      const quantities = found === own ? counted : counted.with(index, { ...usage, meter })
      if (quantities !== counted) consider(quantities)
      for (const end of endsOfTiers(found))
        consider(upTo(end, quantities, (other) => isMeasured(found, other, rates, usage.unit)))
    }
  }
  return dearest
}

/** Whether a quantity counts for the tier of a price. */
function isMeasured(price: UnitPrice, { meter, unit }: UsageQuantity, rates: RateSet, by: Unit): boolean {
  if (unit !== by) return false
  const { tiers } = price.rate
  return tiers?.mode === 'whole_request' ? tiers.measured.has(meter) : rates.find(meter, unit) === price
}

/** The most that is still in each tier but the last, in millionths of the unit that is used. */
function endsOfTiers({ rate, conversion }: UnitPrice): bigint[] {
  const { tiers } = rate
  if (!tiers || tiers.mode === 'graduated') return []
  if (tiers.reachedAt) return tiers.reachedAt.slice(1).map((reached) => reached - 1n)
  return tiers.steps.slice(1).map(({ above }) => {
    const end = divide(billedUpTo(rate, above, tiers.includesBeginning), conversion)
    return tiers.includesBeginning && !rate.increment ? ceiling(end) - 1n : floor(end)
  })
}

/** The most that may be used for no more than `above` to be paid, or for less than it, after what is included and in whole increments. */
function billedUpTo({ included, increment }: CompiledRate, above: Rational, isBelow: boolean): Rational {
  const paid = reduce(included && !included.isByPeriod ? add(above, included.quantity) : above)
  if (!increment) return paid
  const steps = divide(subtract(paid, increment.first), increment.next)
  const whole = isBelow ? ceiling(steps) - 1n : floor(steps)
  return whole < 0n ? ZERO : add(increment.first, multiply(increment.next, rational(whole)))
}

/** The same usage, with no more than `end` of what is measured. */
function upTo(
  end: bigint,
  quantities: readonly UsageQuantity[],
  isMeasured: (usage: UsageQuantity) => boolean,
): readonly UsageQuantity[] {
  let left = end > 0n ? end : 0n
  return quantities.map((usage) => {
    if (!isMeasured(usage)) return usage
    const kept = usage.quantity < left ? usage.quantity : left
    left -= kept
    return { ...usage, quantity: microUnits(kept) }
  })
}
