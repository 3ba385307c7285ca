import type { Offer } from '@farebox/core'
import { daysUntil } from '@farebox/pricing'
import type { Catalog } from '@farebox/router'
import type { BookPrices } from './book-prices.ts'

/** An offer whose model its provider retires. */
export interface RetiringOffer {
  offer: Offer
  /** The day of retirement: `2027-01-06`. */
  retires: string
  /** Whole days from now. Negative if the model is already retired. */
  daysLeft: number
}

/** Lists the offers of ready, real adapters whose models retire within so many days by the cost book, soonest first. */
export function retiringOffers(catalog: Catalog, prices: BookPrices, at: number, withinDays: number): RetiringOffer[] {
  return catalog.services
    .flatMap((service) => catalog.forService(service))
    .filter(({ adapter }) => adapter.availability.status === 'ready' && !adapter.isSimulated)
    .flatMap(({ offer }) => {
      const retires = prices.retirementOf(offer)
      const daysLeft = retires === undefined ? Number.POSITIVE_INFINITY : daysUntil(retires, at)
      return retires !== undefined && daysLeft <= withinDays ? [{ offer, retires, daysLeft }] : []
    })
    .sort((a, b) => a.daysLeft - b.daysLeft)
}
