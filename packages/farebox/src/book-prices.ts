import {
  type Clock,
  type Credits,
  isFareboxError,
  microUnits,
  type NanoUsd,
  type Offer,
  type Quantity,
  type Unit,
  type UsageQuantity,
} from '@farebox/core'
import { creditsOf, nanoUsdOf, type PriceBook, type Rating, rate, roundUp, totalQuantity } from '@farebox/pricing'
import type { PricePredictor } from '@farebox/router'

/** A usage as the ledger takes it: one quantity, its exact price, and what it cost us where that is known. */
export interface PricedUsage {
  quantity: Quantity
  unit: Unit
  rated: Credits
  cost?: NanoUsd
  priceVersion: string
  rating: Rating
}

/** An image at high detail, as most models of OpenAI count it: 85, and 170 for each of at most eight tiles. */
const IMAGE_TOKENS_MAX = 1_445

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
  predict(offer: Offer, planned: readonly UsageQuantity[]): { charge: Credits; cost?: NanoUsd } {
    const at = this.#clock()
    const { service, provider, model } = offer
    const quantities = inTokens(offer, planned)
    const charge = roundUp(creditsOf(rate(this.book, { service, provider, model, at }, quantities)))
    return { charge, cost: this.#costOf({ service, provider, model, at }, quantities) }
  }

  /** @throws {PriceNotFoundError} the provider, or one of the units, has no price in credits */
  price(source: { service: string; provider: string; model?: string }, quantities: readonly UsageQuantity[]): PricedUsage {
    const query = { ...source, at: this.#clock() }
    const rating = rate(this.book, query, quantities)
    const total = totalQuantity(quantities) ?? { quantity: 0n as Quantity, unit: 'requests' as const }
    return { ...total, rated: creditsOf(rating), cost: this.#costOf(query, quantities), priceVersion: rating.version, rating }
  }

  /** `undefined` when the list prices do not say: unknown is not free. */
  #costOf(
    query: { service: string; provider: string; model?: string; at: number },
    quantities: readonly UsageQuantity[],
  ): NanoUsd | undefined {
    try {
      return nanoUsdOf(rate(this.#costs, query, quantities))
    } catch (error) {
      if (isFareboxError(error) && error.code === 'PRICE_NOT_FOUND') return undefined
      throw error
    }
  }
}

/** Images of a chat in the tokens that the offer's model counts them as, at most. */
function inTokens({ capabilities }: Offer, quantities: readonly UsageQuantity[]): readonly UsageQuantity[] {
  if (!quantities.some(({ unit }) => unit === 'images')) return quantities
  const tokens = BigInt(capabilities.imageTokensMax ?? IMAGE_TOKENS_MAX)
  return quantities.map((usage) =>
    usage.unit === 'images' ? { meter: 'input', quantity: microUnits(usage.quantity * tokens), unit: 'tokens' as const } : usage,
  )
}
