import { nearestNames } from '@farebox/core'
import type { PriceQuery } from '../errors.ts'
import type { PricedEntry } from '../priced-entry.ts'
import { NameMatcher } from './name-matcher.ts'
import { NumberMatcher } from './number-matcher.ts'

/** The prices of one provider for one service. */
interface ProviderPrices {
  /** By model name, then by the numbers of a call. */
  models: NameMatcher<NumberMatcher<PricedEntry>>
  /** Prices of every model without a price of its own. */
  anyModel: NumberMatcher<PricedEntry> | undefined
}

/** Looks up the prices of one version. */
export class PriceIndex {
  readonly #services = new Map<string, NameMatcher<ProviderPrices>>()

  constructor(entries: readonly PricedEntry[]) {
    // Add all providers before any alias, so that an alias never hides a provider.
    for (const priced of entries) this.#add(priced)
    for (const { entry } of entries) this.#addProviderAliases(entry)
  }

  find(query: PriceQuery): PricedEntry | undefined {
    const prices = this.#services.get(query.service)?.get(query.provider)
    if (!prices) return undefined
    const named = query.model === undefined ? undefined : prices.models.get(query.model)
    return (named ?? prices.anyModel)?.find(query)
  }

  /** Why a query finds nothing, and the closest names. */
  whyAbsent({ service, provider, model, to }: PriceQuery): { problem: string; nearest: readonly string[] } {
    const providers = this.#services.get(service)
    if (!providers) return { problem: `has no service ${service}`, nearest: nearestNames(service, this.#services.keys()) }
    const prices = providers.get(provider)
    if (!prices) return { problem: 'has no price', nearest: nearestNames(provider, providers.names()) }
    if (prices.anyModel || (model !== undefined && prices.models.get(model))) {
      return { problem: to === undefined ? 'needs the number that was called (`to`)' : `has no price to ${to}`, nearest: [] }
    }
    const problem = model === undefined ? 'has no price without a model' : `has no price of model ${model}`
    return { problem, nearest: nearestNames(model ?? '', prices.models.names()) }
  }

  #add(priced: PricedEntry): void {
    const { service, provider, model, aliases = [], to, from } = priced.entry
    const prices = this.#pricesOf(service, provider)
    if (model === undefined) {
      prices.anyModel ??= new NumberMatcher()
      prices.anyModel.add(to, from, priced)
      return
    }
    for (const name of [model, ...aliases]) {
      const numbers = prices.models.registered(name) ?? new NumberMatcher<PricedEntry>()
      prices.models.add(name, numbers)
      numbers.add(to, from, priced)
    }
  }

  #addProviderAliases({ service, provider, model, aliases = [] }: PricedEntry['entry']): void {
    if (model !== undefined) return
    const prices = this.#pricesOf(service, provider)
    for (const alias of aliases) this.#services.get(service)?.add(alias, prices)
  }

  #pricesOf(service: string, provider: string): ProviderPrices {
    const providers = this.#services.get(service) ?? new NameMatcher<ProviderPrices>()
    this.#services.set(service, providers)
    const known = providers.registered(provider)
    if (known) return known
    const prices: ProviderPrices = { models: new NameMatcher(), anyModel: undefined }
    providers.add(provider, prices)
    return prices
  }
}
