import type { UsageQuantity } from '@farebox/core'
import { PriceNotFoundError, type PriceQuery } from './errors.ts'
import type { PricedEntry } from './priced-entry.ts'
import { type RatedLine, rateLines } from './rate-lines.ts'
import { add, compare, type Rational, ZERO } from './rational.ts'
import { factorsOf } from './rules/multipliers.ts'
import { rounded } from './rules/rounding.ts'

/** What one call costs, step by step. Amounts are exact, in the book's currency; a step that no rule asks for is absent. */
export interface RatedCall {
  /** The window whose prices hold. */
  window?: string
  lines: readonly RatedLine[]
  /** Lines that were each rounded, where rounding is by line. */
  roundedLines?: readonly Rational[]
  /** Of all lines. */
  subtotal: Rational
  connectFee?: Rational
  /** Where the minimum charge is more than what came before. */
  raisedTo?: Rational
  /** Where rounding is by resource. */
  roundedTo?: Rational
  /** What it would have cost, where the maximum charge is less. */
  beforeMaximum?: Rational
  total: Rational
}

/**
 * Applies every rule of an entry to one call, in this order: the rates of the window; each rate's minimum quantity, increment, included
 * units, package or tiers; factors of the window and of multipliers; rounding by line; connect fee; minimum charge; rounding by
 * resource; maximum charge.
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
  // What used nothing is not a call: a telephone that was not answered costs neither its fee nor its minimum.
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
