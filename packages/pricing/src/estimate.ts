import { type Credits, microCredits, type UsageQuantity } from '@farebox/core'
import type { PriceBook } from './price-book.ts'
import { rate } from './rate.ts'
import { chargeOf, refuseAboveMaximum } from './rating.ts'

/** Planned work: what it will consume of one provider's service. */
export interface PlannedUsage {
  service: string
  provider: string
  quantities: readonly UsageQuantity[]
}

/** Planned usage with its cost. */
export interface EstimatedService extends PlannedUsage {
  credits: Credits
}

/** The estimated cost of planned work. */
export interface Estimate {
  services: EstimatedService[]
  total: Credits
  /** The version of the price book used: `name@version`. */
  version: string
}

/**
 * Estimates what planned work will cost, by service and in total. Each amount is rounded as on a receipt.
 *
 * @throws {PriceNotFoundError} a provider or unit has no price at `at`
 * @throws {MaximumChargeError} a use would cost more than the book allows for a call
 */
export function estimate(book: PriceBook, planned: readonly PlannedUsage[], at: number): Estimate {
  const services = planned.map((usage) => {
    const rating = rate(book, { service: usage.service, provider: usage.provider, at }, usage.quantities)
    refuseAboveMaximum(rating)
    return { ...usage, credits: chargeOf(rating) }
  })
  const total = services.reduce((sum, { credits }) => sum + credits, 0n)
  return { services, total: microCredits(total), version: book.entries(at).version }
}
