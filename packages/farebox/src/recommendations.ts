import { breakdownName, type Credits, isFareboxError, type Unit } from '@farebox/core'
import type { BreakdownFilter } from '@farebox/ledger'
import type { Farebox } from './farebox.ts'
import { chargedJson, unitsJson } from './receipt.ts'

/** A change that would have saved credits, in its wire form. */
export interface Recommendation {
  service_type: string
  from_provider: string
  to_provider: string
  units_consumed: number
  unit_type: Unit
  credits_used: number
  credits_saved: number
  message: string
  assumption: string
}

/**
 * Prices what was recorded again, as if the cheapest provider that is on offer for the same service had done it.
 */
export async function recommendations(box: Farebox, filter: BreakdownFilter): Promise<{ recommendations: Recommendation[] }> {
  const { services } = await box.ledger.breakdowns(filter)
  const found = services.flatMap(({ service, provider, unit, quantity, charged }): Recommendation[] => {
    const quantities = [{ meter: 'usage', quantity, unit }]
    const now = priceOf(() => box.prices.price({ service, provider }, quantities).priced.rated)
    const others = box.catalog
      .forService(service)
      .filter(({ offer, adapter }) => offer.provider !== provider && adapter.availability.status === 'ready')
    const prices = others.flatMap(({ offer }) => {
      const rated = priceOf(() => box.prices.price(offer, quantities).priced.rated)
      return rated === undefined ? [] : [{ provider: offer.provider, rated }]
    })
    const cheapest = prices.sort((a, b) => (a.rated < b.rated ? -1 : 1))[0]
    if (!cheapest || now === undefined || cheapest.rated >= now) return []
    const saved = Number((now - cheapest.rated) / 1_000_000n)
    return [
      {
        service_type: service,
        from_provider: provider,
        to_provider: cheapest.provider,
        units_consumed: unitsJson(quantity),
        unit_type: unit,
        credits_used: chargedJson(charged),
        credits_saved: saved,
        message: `${breakdownName(service, cheapest.provider)} instead of ${breakdownName(service, provider)} would have saved ${saved} credits`,
        assumption: `the same ${unit} would have been used, at today's prices`,
      },
    ]
  })
  return {
    recommendations: found.filter(({ credits_saved }) => credits_saved > 0).sort((a, b) => b.credits_saved - a.credits_saved),
  }
}

/** A price, or `undefined` where the book has none. */
function priceOf(price: () => Credits): Credits | undefined {
  try {
    return price()
  } catch (error) {
    if (isFareboxError(error) && error.code === 'PRICE_NOT_FOUND') return undefined
    throw error
  }
}
