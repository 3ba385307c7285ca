import type { UsageQuantity } from '@farebox/core'
import type { Rate } from './document/rules.ts'
import { PriceNotFoundError, type PriceQuery } from './errors.ts'
import type { PricedEntry } from './priced-entry.ts'
import { add, multiply, type Rational, rational, reduce, subtract, ZERO } from './rational.ts'
import type { CompiledRate } from './rules/compiled-rate.ts'
import { freeOf } from './rules/included.ts'
import { incremented } from './rules/increment.ts'
import { atLeast } from './rules/minimum-quantity.ts'
import type { Factor } from './rules/multipliers.ts'
import { packagesFor } from './rules/package.ts'
import type { RateSet } from './rules/rate-set.ts'
import { amountOf, type Portion, portionsOf } from './rules/tiers.ts'
import { unitsIn } from './units.ts'

/** What one rate charges for a call. Quantities are exact, in the rate's unit. Amounts are in the book's currency. */
export interface RatedLine {
  rate: Rate
  /** The usage it prices, as given. */
  usage: readonly UsageQuantity[]
  used: Rational
  /** After the minimum quantity. */
  atLeast: Rational
  /** After the increment. This counts as used in the period. */
  billed: Rational
  /** The included part of `billed`, which is free. */
  free: Rational
  /** Number of packages to buy, if it is sold in packages. */
  packages?: Rational
  /** The quantity paid for, by tier. Without tiers, all of it is in tier 0. */
  portions: readonly Portion[]
  factors: readonly Factor[]
  /** Exact, and not yet rounded. */
  amount: Rational
}

/** Prices quantities with a set of rates. Each rate makes one line for everything it prices. */
export function rateLines(
  priced: PricedEntry,
  query: PriceQuery,
  rates: RateSet,
  factors: readonly Factor[],
  quantities: readonly UsageQuantity[],
): RatedLine[] {
  const used = sumByRate(priced, query, rates, quantities)
  const before = query.usedBefore && sumByRate(priced, query, rates, query.usedBefore, used)
  return [...used].map(([rate, { usage, sum }]) => {
    const measured = measuredOf(priced, query, rate, quantities)
    return rateLine(rate, usage, sum, before?.get(rate)?.sum ?? ZERO, factorsFor(rate, factors), measured)
  })
}

function rateLine(
  rate: CompiledRate,
  usage: readonly UsageQuantity[],
  used: Rational,
  before: Rational,
  factors: readonly Factor[],
  measured: Rational,
): RatedLine {
  const { minimumQuantity, increment, included, package: sold, tiers, price = ZERO } = rate
  const raised = minimumQuantity ? atLeast(used, minimumQuantity) : used
  const billed = increment ? incremented(raised, increment) : raised
  const free = included ? freeOf(billed, included.quantity, included.isByPeriod ? before : ZERO) : ZERO
  const paid = subtract(billed, free)
  // Free units used up no package or tier earlier in the period.
  const paidBefore = included?.isByPeriod ? subtract(before, freeOf(before, included.quantity, ZERO)) : before
  const packages = sold && packagesFor(paid, sold.size, sold.isByPeriod ? paidBefore : ZERO)
  const portions = tiers
    ? portionsOf(tiers, paid, tiers.isByPeriod ? paidBefore : ZERO, measured)
    : [{ tier: 0, quantity: packages ?? paid, price }]
  const amount = factors.reduce((product, { factor }) => multiply(product, factor), amountOf(portions))
  return {
    rate: rate.rate,
    usage,
    used: reduce(used),
    atLeast: raised,
    billed,
    free,
    ...(packages && { packages }),
    portions,
    factors,
    amount: reduce(amount),
  }
}

/**
 * Sums quantities by rate. A quantity of zero needs no rate, because it costs nothing at any price.
 *
 * @param only  the rates to sum for: other quantities are passed over. @defaultValue all, and each quantity must have one
 */
function sumByRate(
  priced: PricedEntry,
  query: PriceQuery,
  rates: RateSet,
  quantities: readonly UsageQuantity[],
  only?: Pick<ReadonlyMap<CompiledRate, unknown>, 'has'>,
): Map<CompiledRate, { usage: UsageQuantity[]; sum: Rational }> {
  const sums = new Map<CompiledRate, { usage: UsageQuantity[]; sum: Rational }>()
  for (const usage of quantities) {
    const found = rates.find(usage.meter, usage.unit)
    if (!found) {
      if (!only && usage.quantity !== 0n) throw notPriced(priced, query, rates, usage)
      continue
    }
    if (only && !only.has(found.rate)) continue
    const known = sums.get(found.rate) ?? { usage: [], sum: ZERO }
    const amount = multiply(rational(countedAs(priced, query, found.rate, usage)), found.conversion)
    sums.set(found.rate, { usage: [...known.usage, usage], sum: add(known.sum, amount) })
  }
  return sums
}

/** The quantity as the rate counts it. A rate may name a way to count characters. */
function countedAs(priced: PricedEntry, query: PriceQuery, { rate }: CompiledRate, usage: UsageQuantity): bigint {
  if (rate.counting === undefined || usage.unit !== 'characters') return usage.quantity
  const counted = usage.counts?.[rate.counting]
  if (counted !== undefined) return counted
  if (usage.counts === undefined && rate.counting === 'code_points') return usage.quantity
  throw new PriceNotFoundError(priced.book, query, {
    unit: usage.unit,
    problem: `counts characters as ${rate.counting}, which the usage does not say (counts.${rate.counting})`,
  })
}

export function notPriced(priced: PricedEntry, query: PriceQuery, rates: RateSet, usage: UsageQuantity): PriceNotFoundError {
  const nearest = rates.rates.map(({ rate: { meter, unit } }) => (meter ? `${unit} of ${meter}` : unit))
  const problem = `has no rate for ${usage.unit} of ${usage.meter}`
  return new PriceNotFoundError(priced.book, query, { unit: usage.unit, problem, nearest })
}

function factorsFor({ rate }: CompiledRate, factors: readonly Factor[]): readonly Factor[] {
  return factors.filter(({ meters }) => meters === undefined || (rate.meter !== undefined && meters.includes(rate.meter)))
}

/** What the whole request used of the meters that choose a tier, as the rate counts it. Zero for a rate that measures none. */
function measuredOf(
  priced: PricedEntry,
  query: PriceQuery,
  compiled: CompiledRate,
  quantities: readonly UsageQuantity[],
): Rational {
  const { rate, tiers } = compiled
  if (!tiers || tiers.measured.size === 0) return ZERO
  return quantities.reduce((sum, usage) => {
    const factor = tiers.measured.has(usage.meter) ? unitsIn(rate.unit, usage.unit) : undefined
    if (!factor || usage.quantity === 0n) return sum
    return add(sum, multiply(rational(countedAs(priced, query, compiled, usage), 1_000_000n), factor))
  }, ZERO)
}
