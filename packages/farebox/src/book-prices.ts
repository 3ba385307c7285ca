import {
  type Clock,
  type Credits,
  isFareboxError,
  type NanoUsd,
  type Offer,
  type Quantity,
  type Unit,
  type UsageQuantity,
} from '@farebox/core'
import {
  chargeOf,
  creditsOf,
  nanoUsdOf,
  type PriceBook,
  type PriceQuery,
  type Rating,
  rate,
  rateEntry,
  totalQuantity,
} from '@farebox/pricing'
import type { PhoneNumbers, PricePredictor } from '@farebox/router'

/** A usage as the ledger takes it: one quantity, its exact price, and what it cost us where that is known. */
export interface PricedUsage {
  quantity: Quantity
  unit: Unit
  rated: Credits
  cost?: NanoUsd
  priceVersion: string
  rating: Rating
}

/** Who did something, and for a phone call between which numbers. */
type PricedSource = PhoneNumbers & { service: string; provider: string; model?: string }

/** The two price books of a Farebox: what its customers pay in credits, and what its providers charge in dollars. */
export class BookPrices implements PricePredictor {
  readonly book: PriceBook
  readonly #costs: PriceBook
  readonly #clock: Clock

  constructor(book: PriceBook, costs: PriceBook, clock: Clock) {
    this.book = book
    this.#costs = costs
    this.#clock = clock
  }

  /** @throws {PriceNotFoundError} the offer has no price in credits */
  predict(offer: Offer, quantities: readonly UsageQuantity[], numbers: PhoneNumbers = {}): { charge: Credits; cost?: NanoUsd } {
    const at = this.#clock()
    const { service, provider, model } = offer
    const query = { service, provider, model, at, ...numbers }
    return { charge: chargeOf(rate(this.book, query, quantities)), cost: this.#costOf(query, quantities) }
  }

  /** @throws {PriceNotFoundError} the provider, or one of the units, has no price in credits */
  price(source: PricedSource, quantities: readonly UsageQuantity[]): PricedUsage {
    const query = { ...source, at: this.#clock() }
    const rating = rate(this.book, query, quantities)
    const total = totalQuantity(quantities) ?? { quantity: 0n as Quantity, unit: 'requests' as const }
    return { ...total, rated: creditsOf(rating), cost: this.#costOf(query, quantities), priceVersion: rating.version, rating }
  }

  /** The day on which a provider takes an offer's model out of service, by the cost book. */
  retirementOf({ service, provider, model }: Offer): string | undefined {
    return this.#costs.lookUp({ service, provider, model, at: this.#clock() })?.entry.retires
  }

  /** `undefined` when the list prices do not say: unknown is not free. */
  #costOf(query: PriceQuery, quantities: readonly UsageQuantity[]): NanoUsd | undefined {
    const price = this.#costs.lookUp(query)
    if (!price) return undefined
    try {
      return nanoUsdOf(rateEntry(price, query, quantities))
    } catch (error) {
      if (isFareboxError(error) && error.code === 'PRICE_NOT_FOUND') return undefined
      throw error
    }
  }
}
