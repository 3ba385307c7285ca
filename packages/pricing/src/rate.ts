import {
  type Credits,
  microCredits,
  microUnits,
  type NanoUsd,
  nanoUsd,
  type Quantity,
  UNIT,
  type Unit,
  type UsageQuantity,
} from '@farebox/core'
import type { PriceEntry } from './document/price-book-document.ts'
import type { Increment, Rate } from './document/rules.ts'
import { PriceNotFoundError, type PriceQuery } from './errors.ts'
import type { PriceBook } from './price-book.ts'
import { add, ceiling, compare, decimal, divide, multiply, type Rational, rational, ZERO } from './rational.ts'
import { unitsIn } from './units.ts'

/** One quantity with what it costs. */
export interface RatedLine extends UsageQuantity {
  /** What was billed after increments, in the rate's unit. */
  billed: Rational
  rate: Rate
  /** Exact, in the book's currency. */
  amount: Rational
}

/** What a usage costs under one version of one book, exactly. */
export interface Rating {
  book: string
  version: string
  currency: PriceBook['currency']
  lines: readonly RatedLine[]
  total: Rational
}

/**
 * Prices usage with the book in force at `query.at`. Nothing is rounded: that happens once, where the amount is taken.
 *
 * @throws {PriceNotFoundError} the provider, or one of the units, has no price then
 */
export function rate(book: PriceBook, query: PriceQuery, quantities: readonly UsageQuantity[]): Rating {
  const { entry, version } = book.find(query)
  let total = ZERO
  const lines = quantities.map((usage) => {
    const line = rateLine(book, query, entry, usage)
    total = add(total, line.amount)
    return line
  })
  return { book: book.name, version, currency: book.currency, lines, total }
}

/** The exact price in micro-credits, up to the next one. */
export function creditsOf(rating: Pick<Rating, 'total'>): Credits {
  return microCredits(ceiling(multiply(rating.total, rational(1_000_000n))))
}

/** The exact cost in nano-USD, up to the next one. */
export function nanoUsdOf(rating: Pick<Rating, 'total'>): NanoUsd {
  return nanoUsd(ceiling(multiply(rating.total, rational(1_000_000_000n))))
}

/** Rounds an amount up to a step, by default to a whole credit: how a service line of a receipt is charged. */
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

function rateLine(book: PriceBook, query: PriceQuery, entry: PriceEntry, usage: UsageQuantity): RatedLine {
  const priced = entry.rates.filter((candidate) => unitsIn(candidate.unit, usage.unit) !== undefined)
  const chosen = priced.find(({ meter }) => meter === usage.meter) ?? priced.find(({ meter }) => meter === undefined)
  if (!chosen) {
    const nearest = entry.rates.map(({ meter, unit }) => (meter ? `${unit} of ${meter}` : unit))
    const problem = `has no rate for ${usage.unit} of ${usage.meter}`
    throw new PriceNotFoundError(book.name, query, { unit: usage.unit, problem, nearest })
  }
  const used = multiply(rational(usage.quantity, UNIT), unitsIn(chosen.unit, usage.unit) ?? ZERO)
  const billed = chosen.increment ? incremented(used, chosen.unit, chosen.increment) : used
  if (chosen.amount === undefined)
    throw new PriceNotFoundError(book.name, query, { problem: 'has tiers, which are not rated yet,' })
  const amount = multiply(billed, divide(decimal(chosen.amount), decimal(chosen.per)))
  return { ...usage, billed, rate: chosen, amount }
}

/** Rounds time up to what is billed: at least the first increment, then whole next ones. No time is no bill. */
function incremented(used: Rational, unit: Unit, { unit: stepUnit = unit, first, next }: Increment): Rational {
  const toUnit = unitsIn(unit, stepUnit)
  if (!toUnit || used.numerator === 0n) return used
  const least = multiply(decimal(first), toUnit)
  if (compare(used, least) <= 0) return least
  const step = multiply(decimal(next), toUnit)
  const beyond = add(used, rational(-least.numerator, least.denominator))
  return add(least, multiply(step, rational(ceiling(divide(beyond, step)))))
}
