import { type Credits, microCredits, type NanoUsd, nanoUsd, type UsageQuantity } from '@farebox/core'
import type { Currency } from './document/price-book-document.ts'
import type { Rounding } from './document/rules.ts'
import { MaximumChargeError, PriceNotFoundError, type PriceQuery } from './errors.ts'
import type { PricedEntry } from './priced-entry.ts'
import { type RatedCall, rateCall } from './rate-call.ts'
import type { RatedLine } from './rate-lines.ts'
import { ceiling, multiply, type Rational, rational, rationalText } from './rational.ts'
import { compileRounding, rounded } from './rules/rounding.ts'

const MICRO_CREDITS = rational(1_000_000n)
const NANO_USD = rational(1_000_000_000n)
const MICRO_UP = compileRounding({ mode: 'up', step: '0.000001', point: 'line' })

/**
 * The exact cost of a call's usage under one version of one book. It keeps its inputs, so that it can be explained and
 * recomputed.
 */
export class Rating {
  readonly price: PricedEntry
  readonly query: PriceQuery
  readonly quantities: readonly UsageQuantity[]
  /** Exact, in the book's currency, not always in lowest terms. Rounded only if the book rounds lines or calls. */
  readonly total: Rational
  #call: RatedCall | undefined

  /** Use {@link rate} to make one. */
  constructor(price: PricedEntry, query: PriceQuery, quantities: readonly UsageQuantity[], total: Rational, call?: RatedCall) {
    this.price = price
    this.query = query
    this.quantities = quantities
    this.total = total
    this.#call = call
  }

  get book(): string {
    return this.price.book
  }

  /** `name@version`. */
  get version(): string {
    return this.price.version
  }

  get currency(): Currency {
    return this.price.currency
  }

  /** How to round. If its point is `total`, `total` is exact, and the sum over calls is what to round. */
  get rounding(): Rounding {
    return this.price.rounding
  }

  /** Whether the cost is just price × quantity, so that usage and version explain it fully. */
  get isPlain(): boolean {
    return this.price.plainRates(this.query) !== undefined
  }

  get lines(): readonly RatedLine[] {
    return this.call.lines
  }

  /** Every step. For plain prices, computed on first use. */
  get call(): RatedCall {
    this.#call ??= rateCall(this.price, this.query, this.quantities)
    return this.#call
  }
}

/**
 * Returns the exact price, rounded up to the next micro-credit.
 *
 * @throws {PriceNotFoundError} the rating is in another currency
 */
export function creditsOf(rating: Rating): Credits {
  expectCurrency(rating, 'credits')
  return microCredits(ceiling(multiply(rating.total, MICRO_CREDITS)))
}

/**
 * Returns what one call alone costs, rounded as its book says. An estimate shows this, and so does a receipt with only this call.
 *
 * @throws {PriceNotFoundError} the rating is in another currency
 */
export function chargeOf(rating: Rating): Credits {
  expectCurrency(rating, 'credits')
  return microCredits(ceiling(multiply(roundedTotal(rating), MICRO_CREDITS)))
}

/** What one call alone costs, rounded, in the currency of its book. */
export function roundedTotal({ price, total }: Rating): Rational {
  const { rounding } = price.compiled
  return rounding.rule.point === 'total' ? rounded(total, rounding) : total
}

/**
 * Returns the exact cost, rounded up to the next nano-dollar.
 *
 * @throws {PriceNotFoundError} the rating is in another currency
 */
export function nanoUsdOf(rating: Rating): NanoUsd {
  expectCurrency(rating, 'usd')
  return nanoUsd(ceiling(multiply(rating.total, NANO_USD)))
}

/**
 * Rejects planned work whose book refuses such an expensive call. Work already done costs the maximum instead.
 *
 * @throws {MaximumChargeError} the book has `maximum_charge` with action `refuse`, and the usage costs more
 */
export function refuseAboveMaximum(rating: Rating): void {
  const { maximum_charge: maximum } = rating.price.entry
  if (maximum?.action !== 'refuse') return
  const { beforeMaximum } = rating.call
  if (!beforeMaximum) return
  throw new MaximumChargeError(rating.query, {
    amount: rationalText(rounded(beforeMaximum, MICRO_UP)),
    maximum: maximum.amount,
    currency: rating.currency,
  })
}

function expectCurrency(rating: Rating, currency: Currency): void {
  if (rating.currency === currency) return
  throw new PriceNotFoundError(rating.book, rating.query, {
    problem: `has prices in ${rating.currency}, not in ${currency},`,
    nearest: [rating.currency],
  })
}
