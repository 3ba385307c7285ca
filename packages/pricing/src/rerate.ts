import { microUnits, type UsageQuantity } from '@farebox/core'
import type { PriceQuery } from './errors.ts'
import type { PriceBook } from './price-book.ts'
import { rate, rateEntry } from './rate.ts'
import type { Rating } from './rating.ts'
import { ceiling, multiply, type Rational, rational, subtract, ZERO } from './rational.ts'
import { unitsIn } from './units.ts'

const ONE = rational(1n)
const MICRO = rational(1_000_000n)

/** What is needed to price a call again: what it used, and what was known of it. A {@link Rating} is one. */
export interface RateableUsage {
  query: PriceQuery
  quantities: readonly UsageQuantity[]
}

/**
 * Prices what was used again, under the version of `book` that is in force at `at`. Time windows go by the moment of the call itself. So
 * the same usage, book and moment give the same rating, whenever and wherever it is asked for.
 *
 * @param at  epoch milliseconds, UTC. @defaultValue when the work was done
 * @throws {PriceNotFoundError} as {@link rate}
 */
export function rerate({ query, quantities }: RateableUsage, book: PriceBook, at: number = query.at): Rating {
  return rateEntry(book.find({ ...query, at }), query, quantities)
}

/**
 * What the next slice of a call costs: everything so far, less what came before. Slices of one call add up to what the whole costs,
 * whatever its rules are and wherever it is split. Below zero where a rule makes more cost less, as volume and whole_request tiers may.
 *
 * @returns `total`, exact, in the book's currency, and the rating of everything so far
 * @throws {PriceNotFoundError} as {@link rate}
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
 * What a call was billed for, after minimum quantities and increments: what counts as used in the period for the calls after it. The sum
 * of these over the period is the next call's `usedBefore`.
 */
export function billedQuantities({ lines }: Rating): UsageQuantity[] {
  return lines.flatMap(({ rate: { unit, counting }, usage: [first], billed }) => {
    if (!first) return []
    // In seconds, since a sixtieth of a minute has no exact decimal.
    const exact = unit === 'minutes' ? 'seconds' : unit
    const count = microUnits(ceiling(multiply(billed, multiply(unitsIn(exact, unit) ?? ONE, MICRO))))
    return [{ meter: first.meter, unit: exact, quantity: count, ...(counting && { counts: { [counting]: count } }) }]
  })
}
