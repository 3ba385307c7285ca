import type { UsageQuantity } from '@farebox/core'
import { PriceNotFoundError, type PriceQuery } from '../errors.ts'
import type { PriceBook } from '../price-book.ts'
import { rate } from '../rate.ts'
import { chargeOf } from '../rating.ts'
import { add, compare, multiply, type Rational, rational, rationalText, ZERO } from '../rational.ts'
import type { MarginOptions } from './check-margins.ts'
import { expectBooks } from './expect-books.ts'
import { marginPercent, usdText } from './margin-text.ts'

/** One call of a workflow. */
export interface WorkflowCall extends Omit<PriceQuery, 'at' | 'currency'> {
  quantities: readonly UsageQuantity[]
}

/** What a whole workflow is sold for, and what it costs. Dollar amounts are decimal strings, with up to nine places. */
export interface WorkflowMargin {
  /** The price in credits, with each call rounded as by itself. */
  credits: string
  soldUsd: string
  /** The cost of the calls whose cost is known. */
  costUsd: string
  /** Absent if a cost is unknown or nothing is charged. */
  marginPercent?: string
  isBelowCost: boolean
  calls: { service: string; provider: string; credits: string; soldUsd: string; costUsd?: string }[]
  /** `service provider` of each call whose cost is unknown. */
  withoutCost: string[]
}

/**
 * Compares the price of a workflow's calls with their cost. One service may make up for a loss on another.
 *
 * @throws {PriceNotFoundError} a call has no price in credits
 * @throws {InvalidOptionError} a book is in the wrong currency, or `creditValueUsd` is not a decimal above 0
 */
export function checkWorkflowMargin(
  prices: PriceBook,
  costs: PriceBook,
  calls: readonly WorkflowCall[],
  { creditValueUsd, at }: MarginOptions,
): WorkflowMargin {
  const creditValue = expectBooks(prices, costs, creditValueUsd)
  const withoutCost: string[] = []
  let credits = ZERO
  let cost = ZERO
  const rated = calls.map(({ quantities, ...facts }) => {
    const { service, provider } = facts
    const charged = rational(chargeOf(rate(prices, { ...facts, at }, quantities)), 1_000_000n)
    const paid = costOf(costs, { ...facts, at }, quantities)
    credits = add(credits, charged)
    if (paid) cost = add(cost, paid)
    else withoutCost.push(`${service} ${provider}`)
    const soldUsd = usdText(multiply(charged, creditValue))
    return { service, provider, credits: rationalText(charged), soldUsd, ...(paid && { costUsd: usdText(paid) }) }
  })
  const sold = multiply(credits, creditValue)
  const percent = withoutCost.length === 0 ? marginPercent(sold, cost) : undefined
  return {
    credits: rationalText(credits),
    soldUsd: usdText(sold),
    costUsd: usdText(cost),
    ...(percent !== undefined && { marginPercent: percent }),
    isBelowCost: compare(sold, cost) < 0,
    calls: rated,
    withoutCost,
  }
}

function costOf(costs: PriceBook, query: PriceQuery, quantities: readonly UsageQuantity[]): Rational | undefined {
  try {
    return rate(costs, query, quantities).total
  } catch (error) {
    if (error instanceof PriceNotFoundError) return undefined
    throw error
  }
}
