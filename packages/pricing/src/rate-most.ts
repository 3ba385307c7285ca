import { microUnits, type Unit, type UsageQuantity } from '@farebox/core'
import type { PriceQuery } from './errors.ts'
import type { PriceBook } from './price-book.ts'
import type { PricedEntry } from './priced-entry.ts'
import { rateEntry, rateIfPriced } from './rate.ts'
import type { Rating } from './rating.ts'
import { add, ceiling, compare, divide, floor, multiply, type Rational, rational, reduce, subtract, ZERO } from './rational.ts'
import type { CompiledRate } from './rules/compiled-rate.ts'
import type { RateSet, UnitPrice } from './rules/rate-set.ts'

/** For each meter, others by which a provider may count the same usage: input that its cache stores counts as `cache_write`. */
export type OtherMeters = Readonly<Partial<Record<string, readonly string[]>>>

/** One unit, in millionths. */
const ONE = 1_000_000n

/**
 * Finds the highest price of a call that uses no more than `most`: the amount to hold for it.
 *
 * It can exceed the price of `most` itself: where the provider may count some usage by a dearer meter, where less usage costs
 * more, as in a dearer lower tier, or where usage split between two meters is billed, or rounded, twice.
 *
 * It tries the ends of tiers and a small amount of each meter, not every possible split. So a call may still cost more where
 * usage is billed in steps, or where the meters of one quantity have tiers by different measures, or by only some of these meters.
 *
 * @throws {PriceNotFoundError} as for {@link rate}, if `most` itself has no price. Other meters without a price are ignored.
 */
export function rateMost(
  book: PriceBook,
  query: PriceQuery,
  most: readonly UsageQuantity[],
  otherMeters: OtherMeters = {},
): Rating {
  return rateEntryMost(book.find(query), query, most, otherMeters)
}

/** Like {@link rateMost}, for a price that was already looked up. */
export function rateEntryMost(
  price: PricedEntry,
  query: PriceQuery,
  most: readonly UsageQuantity[],
  otherMeters: OtherMeters = {},
): Rating {
  const plain = price.plainRates(query)
  if (plain?.isLinear) return rateEntry(price, query, byDearestMeters(most, otherMeters, plain))
  const asItIs = rateEntry(price, query, most)
  const { rates } = price.ratesAt(query.at)
  const metersOf = most.map(({ meter, unit }) => [meter, ...(otherMeters[meter] ?? []).filter((each) => rates.find(each, unit))])
  const dearest = new Dearest(price, query, asItIs)
  const ends = distinct(most.flatMap(({ unit }, index) => (metersOf[index] ?? []).flatMap((meter) => endsOf(rates, meter, unit))))
  for (const counted of waysToCount(most, metersOf)) dearest.search(counted, metersOf, rates, ends)
  return dearest.rating
}

/** Counts each quantity by its dearest meter. This is exact where every price is price × quantity, without tiers. */
function byDearestMeters(most: readonly UsageQuantity[], otherMeters: OtherMeters, rates: RateSet): readonly UsageQuantity[] {
  return most.map((usage) => {
    const own = rates.find(usage.meter, usage.unit)
    if (!own) return usage
    let dearest = usage
    let highest = own.multipliers?.[0] ?? 0n
    for (const meter of otherMeters[usage.meter] ?? []) {
      const multiplier = rates.find(meter, usage.unit)?.multipliers?.[0] ?? 0n
      if (multiplier > highest) [dearest, highest] = [{ ...usage, meter }, multiplier]
    }
    return dearest
  })
}

/** One way to count a call's usage: each quantity by one meter, or split among several. */
type Counted = readonly (readonly UsageQuantity[])[]

/** The largest quantity still in a tier that a cheaper one follows. */
interface TierEnd {
  price: UnitPrice
  unit: Unit
  /** In millionths of `unit`. */
  end: bigint
}

/** All combinations of a meter for each quantity. */
function waysToCount(most: readonly UsageQuantity[], metersOf: readonly (readonly string[])[]): Counted[] {
  return most.reduce<Counted[]>(
    (ways, usage, index) =>
      (metersOf[index] ?? []).flatMap((meter) =>
        ways.map((way) => [...way, [meter === usage.meter ? usage : { ...usage, meter }]]),
      ),
    [[]],
  )
}

/** Keeps the dearest of the ratings tried. */
class Dearest {
  rating: Rating
  readonly #price: PricedEntry
  readonly #query: PriceQuery

  constructor(price: PricedEntry, query: PriceQuery, rating: Rating) {
    this.#price = price
    this.#query = query
    this.rating = rating
  }

  /** Tries one way of counting, then less usage, then parts of it counted by other meters. */
  search(whole: Counted, metersOf: readonly (readonly string[])[], rates: RateSet, ends: readonly TierEnd[]): void {
    let counted = whole
    let total = this.#look(whole)
    const consider = (other: Counted) => {
      const found = this.#look(other)
      if (compare(found, total) <= 0) return
      total = found
      counted = other
    }
    const widest = Math.max(1, ...metersOf.map(({ length }) => length))
    for (let before: Counted | undefined; ends.length > 0 && before !== counted; ) {
      before = counted
      for (const { price, unit, end } of ends) {
        const isMeasured = (usage: UsageQuantity) => usage.unit === unit && counts(price, usage, rates)
        for (const order of ordersOf(before, isMeasured)) {
          // Usage beyond the end is dropped (-1), or counted by another meter.
          for (let other = -1; other < widest; other += 1) {
            let isMoved = other < 0
            const restOf = (usage: UsageQuantity, index: number) => {
              const meter = metersOf[index]?.filter((each) => !isMeasured({ ...usage, meter: each }))[other]
              if (meter === undefined) return []
              isMoved = true
              return [{ ...usage, meter }]
            }
            const cut = upTo(end, { counted: before, order }, price, isMeasured, restOf)
            if (!cut || !isMoved) break
            consider(cut)
          }
        }
      }
    }
    for (const [index, meters] of metersOf.entries()) {
      for (const meter of meters) {
        const [usage, ...more] = counted[index] ?? []
        const found = usage && usage.meter !== meter && rates.find(meter, usage.unit)
        if (!usage || !found || usage.quantity <= ONE || !isDearWhenLittle(this.#price, found)) continue
        const less = { ...usage, quantity: microUnits(usage.quantity - ONE) }
        consider(counted.with(index, [less, ...more, { ...usage, meter, quantity: microUnits(ONE) }]))
      }
    }
  }

  #look(counted: Counted): Rational {
    const rating = rateIfPriced(this.#price, this.#query, counted.flat())
    if (rating && compare(rating.total, this.rating.total) > 0) this.rating = rating
    return rating?.total ?? ZERO
  }
}

/** Whether a quantity counts towards the tier of a price. */
function counts(price: UnitPrice, { meter, unit }: UsageQuantity, rates: RateSet): boolean {
  const { tiers } = price.rate
  return tiers?.mode === 'whole_request' ? tiers.measured.has(meter) : rates.find(meter, unit) === price
}

/** Whether a small quantity costs more than its proportional share. */
function isDearWhenLittle(price: PricedEntry, { rate }: UnitPrice): boolean {
  if (price.rounding.point === 'line') return true
  return rate.minimumQuantity !== undefined || rate.increment !== undefined || rate.package !== undefined
}

function endsOf(rates: RateSet, meter: string, unit: Unit): TierEnd[] {
  const price = rates.find(meter, unit)
  const tiers = price?.rate.tiers
  if (!tiers) return []
  const { rate, conversion } = price
  return tiers.steps.flatMap(({ above, price: amount }, index) => {
    const earlier = tiers.steps[index - 1]
    if (!earlier || compare(amount, earlier.price) >= 0) return []
    const at = (end: bigint) => [{ price, unit, end }]
    if (tiers.mode === 'whole_request') return at(justBelow(divide(above, conversion), tiers.includesBeginning))
    const isBelow = tiers.includesBeginning && tiers.mode === 'volume'
    return at(justBelow(divide(billedUpTo(rate, above, isBelow), conversion), isBelow && !rate.increment))
  })
}

/** The ends without those at which a call is cut alike: often all its meters have tiers by the same measure. */
function distinct(ends: readonly TierEnd[]): TierEnd[] {
  const kept = new Map<string, TierEnd[]>()
  return ends.filter((end) => {
    const key = `${end.unit} ${end.end}`
    const alike = kept.get(key) ?? []
    if (alike.some((other) => isSameMeasure(end.price, other.price))) return false
    kept.set(key, [...alike, end])
    return true
  })
}

function isSameMeasure(one: UnitPrice, other: UnitPrice): boolean {
  if (one === other) return true
  const [{ tiers, rate }, { tiers: others, rate: otherRate }] = [one.rate, other.rate]
  if (tiers?.mode !== 'whole_request' || others?.mode !== 'whole_request' || rate.counting !== otherRate.counting) return false
  return tiers.measured.size === others.measured.size && [...tiers.measured].every((meter) => others.measured.has(meter))
}

function justBelow(end: Rational, isBelow: boolean): bigint {
  return isBelow ? ceiling(end) - 1n : floor(end)
}

/** The most usage of which at most `above`, or with `isBelow` less, is paid for, given included units and whole increments. */
function billedUpTo({ included, increment }: CompiledRate, above: Rational, isBelow: boolean): Rational {
  const paid = reduce(included && !included.isByPeriod ? add(above, included.quantity) : above)
  if (!increment) return paid
  const steps = divide(subtract(paid, increment.first), increment.next)
  const whole = isBelow ? ceiling(steps) - 1n : floor(steps)
  return whole < 0n ? ZERO : add(increment.first, multiply(increment.next, rational(whole)))
}

/** The most quantities of a call that are cut in every possible order. Of more, each comes first once. */
const PERMUTED_MAX = 4

/** The orders in which to keep what counts towards a tier, by index. What comes first is kept first. */
function ordersOf(counted: Counted, isMeasured: (usage: UsageQuantity) => boolean): number[][] {
  const indexes = [...counted.keys()]
  const measured = indexes.filter((index) => counted[index]?.some(isMeasured))
  const others = indexes.filter((index) => !measured.includes(index))
  const orders =
    measured.length > PERMUTED_MAX
      ? measured.map((first) => [first, ...measured.filter((index) => index !== first)])
      : permutationsOf(measured)
  return orders.map((order) => [...order, ...others])
}

function permutationsOf(indexes: readonly number[]): number[][] {
  if (indexes.length < 2) return [[...indexes]]
  return indexes.flatMap((first) => permutationsOf(indexes.filter((index) => index !== first)).map((rest) => [first, ...rest]))
}

/** Cuts the measured usage to `end`, in the given order, and replaces the rest by `restOf`. `undefined` if there is no rest. */
function upTo(
  end: bigint,
  { counted, order }: { counted: Counted; order: readonly number[] },
  { rate }: UnitPrice,
  isMeasured: (usage: UsageQuantity) => boolean,
  restOf: (usage: UsageQuantity, index: number) => readonly UsageQuantity[],
): Counted | undefined {
  const { counting } = rate.rate
  let left = end > 0n ? end : 0n
  let hasRest = false
  const cut = [...counted]
  for (const index of order) {
    cut[index] = (counted[index] ?? []).flatMap((usage) => {
      if (!isMeasured(usage)) return [usage]
      const measured = (counting && usage.counts?.[counting]) ?? usage.quantity
      const kept = measured < left ? measured : left
      left -= kept
      if (kept === measured) return [usage]
      hasRest = true
      const of = (part: bigint): UsageQuantity => ({
        ...usage,
        quantity: microUnits(part < usage.quantity ? part : usage.quantity),
        ...(counting && usage.counts && { counts: { ...usage.counts, [counting]: microUnits(part) } }),
      })
      return [of(kept), ...restOf(of(measured - kept), index)]
    })
  }
  return hasRest ? cut : undefined
}
