import { FareboxError, type Unit, type UsageQuantity } from '@farebox/core'
import type { Currency } from './document/price-book-document.ts'
import { type PriceBookProblem, problemText } from './document/problem.ts'
import type { PhoneNumbers } from './index/number-matcher.ts'

/** What to look up in a price book, with the facts of the call that affect its price. */
export interface PriceQuery extends PhoneNumbers {
  service: string
  provider: string
  model?: string
  /** The moment that prices the whole call, in epoch milliseconds, UTC. Use the same one for all slices of a call. */
  at: number
  /** Attributes for multipliers: `{ region: 'eu', service_tier: 'batch' }`. */
  attributes?: Readonly<Record<string, string>>
  /** What was billed earlier in the current period, for rules by period: see {@link billedQuantities}. @defaultValue nothing */
  usedBefore?: readonly UsageQuantity[]
  /** The currency the caller requires. A book in another one has no price. @defaultValue the book's */
  currency?: Currency
}

/** The book has no price for a query. A missing price is never taken as zero. */
export class PriceNotFoundError extends FareboxError {
  override readonly code = 'PRICE_NOT_FOUND'
  readonly book: string
  readonly query: PriceQuery
  /** The unit that has no rate, if the provider has rates for others. */
  readonly unit: Unit | undefined
  /** The closest names in the book. */
  readonly nearest: readonly string[]

  constructor(book: string, query: PriceQuery, facts: { unit?: Unit; problem: string; nearest?: readonly string[] }) {
    const hint = facts.nearest?.length ? `; it has ${facts.nearest.join(', ')}` : ''
    super(`price book ${book} ${facts.problem} for ${query.service} ${query.provider} at ${momentText(query.at)}${hint}`)
    this.book = book
    this.query = query
    this.unit = facts.unit
    this.nearest = facts.nearest ?? []
  }
}

/** Shows an invalid moment as it is. Throwing here would hide that there is no price. */
function momentText(at: number): string {
  return Number.isNaN(new Date(at).getTime()) ? String(at) : new Date(at).toISOString()
}

/** A planned call would cost more than its price book allows. Nothing was done or charged. */
export class MaximumChargeError extends FareboxError {
  override readonly code = 'MAXIMUM_CHARGE'
  readonly query: PriceQuery
  /** What the call would cost: a decimal in the book's currency, with at most six places. */
  readonly amount: string
  readonly maximum: string

  constructor(query: PriceQuery, { amount, maximum, currency }: { amount: string; maximum: string; currency: Currency }) {
    super(`${query.service} of ${query.provider} would cost ${amount} ${currency}; its price book refuses more than ${maximum}`)
    this.query = query
    this.amount = amount
    this.maximum = maximum
  }
}

/** The document is not a valid price book. The message names every wrong row and field, and what would be right. */
export class InvalidPriceBookError extends FareboxError {
  override readonly code = 'INVALID_PRICE_BOOK'
  readonly book: string
  readonly problems: readonly PriceBookProblem[]

  constructor(book: string, problems: readonly PriceBookProblem[]) {
    super(`price book ${book || 'without a name'}: ${problems.map(problemText).join('; ')}`)
    this.book = book
    this.problems = problems
  }
}
