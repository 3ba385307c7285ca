import { FareboxError, type Unit, type UsageQuantity } from '@farebox/core'
import type { Currency } from './document/price-book-document.ts'
import { type PriceBookProblem, problemText } from './document/problem.ts'
import type { PhoneNumbers } from './index/number-matcher.ts'

/** What is looked for in a price book, and what is known of the call. */
export interface PriceQuery extends PhoneNumbers {
  service: string
  provider: string
  model?: string
  /** The moment that prices the whole call, epoch milliseconds, UTC. The same for all slices of one call. */
  at: number
  /** What multipliers go by: `{ region: 'eu', service_tier: 'batch' }`. */
  attributes?: Readonly<Record<string, string>>
  /** What was billed in the current period before this call, for rules by period: see {@link billedQuantities}. @defaultValue nothing */
  usedBefore?: readonly UsageQuantity[]
  /** Where the caller can only use one. @defaultValue the book's */
  currency?: Currency
}

/** The book has no price for this. Nothing is ever priced at zero for want of one. */
export class PriceNotFoundError extends FareboxError {
  override readonly code = 'PRICE_NOT_FOUND'
  readonly book: string
  readonly query: PriceQuery
  /** The unit or meter that has no rate, where the provider has others. */
  readonly unit: Unit | undefined
  /** Names in the book that come closest. */
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

/** What is no moment is shown as it is, or nobody would learn that there is no price. */
function momentText(at: number): string {
  return Number.isNaN(new Date(at).getTime()) ? String(at) : new Date(at).toISOString()
}

/** A call that is planned would cost more than its price book lets one cost. Nothing was done or charged. */
export class MaximumChargeError extends FareboxError {
  override readonly code = 'MAXIMUM_CHARGE'
  readonly query: PriceQuery
  /** Decimals of the book's currency, with at most six places. */
  readonly amount: string
  readonly maximum: string

  constructor(query: PriceQuery, { amount, maximum, currency }: { amount: string; maximum: string; currency: Currency }) {
    super(`${query.service} of ${query.provider} would cost ${amount} ${currency}; its price book refuses more than ${maximum}`)
    this.query = query
    this.amount = amount
    this.maximum = maximum
  }
}

/** The document is not a price book: the message names every row and field that is wrong, and what would be right. */
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
