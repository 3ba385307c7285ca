import { FareboxError, type Unit } from '@farebox/core'
import { type PriceBookProblem, problemText } from './document/problem.ts'

/** What was looked for in a price book. */
export interface PriceQuery {
  service: string
  provider: string
  model?: string
  /** When the work was done, epoch milliseconds, UTC. */
  at: number
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
    super(
      `price book ${book} ${facts.problem} for ${query.service} ${query.provider} at ${new Date(query.at).toISOString()}${hint}`,
    )
    this.book = book
    this.query = query
    this.unit = facts.unit
    this.nearest = facts.nearest ?? []
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
