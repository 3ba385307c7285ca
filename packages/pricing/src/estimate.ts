import { type Credits, microCredits, type UsageQuantity } from '@farebox/core'
import type { PriceBook } from './price-book.ts'
import { rate } from './rate.ts'
import { chargeOf, refuseAboveMaximum } from './rating.ts'

/** Work that is planned: what one service of one provider will consume. */
export interface PlannedUsage {
  service: string
  provider: string
  quantities: readonly UsageQuantity[]
}

/** What one planned use would cost. */
export interface EstimatedService extends PlannedUsage {
  credits: Credits
}

/** What planned work would cost. */
export interface Estimate {
  services: EstimatedService[]
  total: Credits
  /** The version of the book that was used. */
  version: string
}

/**
 * What planned work will cost, by service and in total, rounded as a receipt is.
 *
 * @throws {PriceNotFoundError} one of the providers or units has no price at `at`
 * @throws {MaximumChargeError} one of them would cost more than its book lets a call cost
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
