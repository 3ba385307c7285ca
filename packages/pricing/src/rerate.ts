import { microUnits, type UsageQuantity } from '@farebox/core'
import type { PriceQuery } from './errors.ts'
import type { PriceBook } from './price-book.ts'
import { rate, rateEntry } from './rate.ts'
import type { Rating } from './rating.ts'
import { ceiling, multiply, type Rational, rational, subtract, ZERO } from './rational.ts'
import { unitsIn } from './units.ts'

const ONE = rational(1n)
const MICRO = rational(1_000_000n)

/** What it takes to price a call again: its usage, and its facts. A {@link Rating} is one. */
export interface RateableUsage {
  query: PriceQuery
  quantities: readonly UsageQuantity[]
}

/**
 * Prices a call again, under the version of `book` in force at `at`. Time windows still follow the moment of the call itself. The
 * same usage, book and moment always give the same rating.
 *
 * @param at  epoch milliseconds, UTC. @defaultValue the moment of the call
 * @throws {PriceNotFoundError} as for {@link rate}
 */
export function rerate({ query, quantities }: RateableUsage, book: PriceBook, at: number = query.at): Rating {
  return rateEntry(book.find({ ...query, at }), query, quantities)
}

/**
 * Prices the next slice of a call: everything so far, less what came before. The slices add up to the price of the whole call,
 * whatever its rules and wherever it is split. The result is negative where more usage costs less, as with some volume and
 * whole_request tiers.
 *
 * @returns `total`, exact, in the book's currency, and `whole`, the rating of everything so far
 * @throws {PriceNotFoundError} as for {@link rate}
 */
export function rateDifference(
  book: PriceBook,
  query: PriceQuery,
  { before, added }: { before: readonly UsageQuantity[]; added: readonly UsageQuantity[] },
): { total: Rational; whole: Rating } {
  const whole = rate(book, query, [...before, ...added])
  const earlier = before.length > 0 ? rate(book, query, before).total : ZERO
  return { total: subtract(whole.total, earlier), whole }
}

/**
 * Returns what a call was billed for, after minimum quantities and increments. This is what counts as used in the period:
 * concatenate it over all calls of the period to get the next call's `usedBefore`.
 */
export function billedQuantities({ lines }: Rating): UsageQuantity[] {
  return lines.flatMap(({ rate: { unit, counting }, usage: [first], billed }) => {
    if (!first) return []
    // In seconds, because a sixtieth of a minute has no exact decimal.
    const exact = unit === 'minutes' ? 'seconds' : unit
    const count = microUnits(ceiling(multiply(billed, multiply(unitsIn(exact, unit) ?? ONE, MICRO))))
    return [{ meter: first.meter, unit: exact, quantity: count, ...(counting && { counts: { [counting]: count } }) }]
  })
}
