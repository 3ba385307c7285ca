import type { UsageQuantity } from '@farebox/core'
import { PriceNotFoundError, type PriceQuery } from './errors.ts'
import type { PricedEntry } from './priced-entry.ts'
import { type RatedLine, rateLines } from './rate-lines.ts'
import { add, compare, type Rational, ZERO } from './rational.ts'
import { factorsOf } from './rules/multipliers.ts'
import { rounded } from './rules/rounding.ts'

/** What one call costs, step by step. Amounts are exact, in the book's currency. Steps without a rule are absent. */
export interface RatedCall {
  /** Name of the time window whose prices apply. */
  window?: string
  lines: readonly RatedLine[]
  /** The rounded amount of each line, if rounding is by line. */
  roundedLines?: readonly Rational[]
  /** The sum of all lines. */
  subtotal: Rational
  connectFee?: Rational
  /** The minimum charge, if it applied. */
  raisedTo?: Rational
  /** The rounded total, if rounding is by resource, or by line after a minimum charge, and changed it. */
  roundedTo?: Rational
  /** What the call would have cost, if the maximum charge applied. */
  beforeMaximum?: Rational
  total: Rational
}

/**
 * Applies every rule of an entry to one call, in this order: the window's rates; each rate's minimum quantity, increment,
 * included units, package or tiers; the factors of the window and of multipliers; rounding by line; connect fee; minimum charge;
 * rounding by resource; maximum charge.
 *
 * @throws {PriceNotFoundError} a unit, or the value of an attribute, has no price
 */
export function rateCall(priced: PricedEntry, query: PriceQuery, quantities: readonly UsageQuantity[]): RatedCall {
  const { connectFee, minimumCharge, maximumCharge, rounding } = priced.compiled
  const { rates, window, factor } = priced.ratesAt(query.at)
  const { factors, unknown } = factorsOf(priced.entry.multipliers ?? [], query.attributes)
  if (unknown) {
    const { attribute, value, known } = unknown
    throw new PriceNotFoundError(priced.book, query, { problem: `has no factor for ${attribute} ${value}`, nearest: known })
  }
  const all = factor && window ? [{ name: `window ${window.name}`, factor }, ...factors] : factors
  const lines = rateLines(priced, query, rates, all, quantities)
  const { point } = rounding.rule
  const roundedLines = point === 'line' ? lines.map(({ amount }) => rounded(amount, rounding)) : undefined
  const subtotal = (roundedLines ?? lines.map(({ amount }) => amount)).reduce(add, ZERO)
  const call: RatedCall = {
    ...(window && { window: window.name }),
    lines,
    ...(roundedLines && { roundedLines }),
    subtotal,
    total: subtotal,
  }
  // A call that used nothing, such as an unanswered phone call, costs neither its connect fee nor its minimum charge.
  if (!lines.some(({ used }) => used.numerator > 0n)) return call
  if (connectFee) {
    call.connectFee = point === 'line' ? rounded(connectFee, rounding) : connectFee
    call.total = add(call.total, call.connectFee)
  }
  if (minimumCharge && compare(minimumCharge, call.total) > 0) call.total = call.raisedTo = minimumCharge
  if (point === 'resource' || (point === 'line' && call.raisedTo)) {
    const whole = rounded(call.total, rounding)
    if (compare(whole, call.total) !== 0) call.total = call.roundedTo = whole
  }
  if (maximumCharge && compare(maximumCharge, call.total) < 0) {
    call.beforeMaximum = call.total
    call.total = maximumCharge
  }
  return call
}
