import { InvalidOptionError, type Offer, type ProviderAdapter, type Service } from '@farebox/core'

/** One offer of one adapter. */
export interface CatalogEntry {
  readonly offer: Offer
  readonly adapter: ProviderAdapter
  /** Key in {@link Health}: adapter, service, provider and model, so that two API keys of one provider have separate health. */
  readonly healthKey: string
  /** Place in the catalog. The lower one wins a tie. */
  readonly position: number
}

/** All offers that requests can be routed to. */
export interface Catalog {
  /** The offers of a service, those of real adapters before those of simulated ones, otherwise in the order of the adapters. */
  forService(service: Service): readonly CatalogEntry[]
  readonly services: readonly Service[]
}

/**
 * Creates a catalog of what `adapters` offer. Two adapters that sell the same provider have separate entries, so one can stand in
 * for the other.
 *
 * @throws {InvalidOptionError} two adapters have the same name, or one lists the same offer twice
 */
export function createCatalog(adapters: readonly ProviderAdapter[]): Catalog {
  const byService = new Map<Service, CatalogEntry[]>()
  const names = new Set<string>()
  const keys = new Set<string>()
  const realFirst = [...adapters].sort((left, right) => Number(left.isSimulated) - Number(right.isSimulated))
  for (const adapter of realFirst) {
    if (names.has(adapter.name)) throw new InvalidOptionError(`two adapters are called ${JSON.stringify(adapter.name)}`)
    names.add(adapter.name)
    for (const offer of adapter.offers) {
      const healthKey = healthKeyOf(adapter, offer)
      if (keys.has(healthKey)) throw new InvalidOptionError(`an adapter lists the same offer twice: ${healthKey}`)
      keys.add(healthKey)
      const entry = Object.freeze({ offer, adapter, healthKey, position: keys.size })
      const entries = byService.get(offer.service)
      if (entries) entries.push(entry)
      else byService.set(offer.service, [entry])
    }
  }
  const services = Object.freeze([...byService.keys()])
  return { services, forService: (service) => byService.get(service) ?? NONE }
}

/** The {@link CatalogEntry.healthKey} of a pair of adapter and offer. */
export function healthKeyOf(
  { name }: Pick<ProviderAdapter, 'name'>,
  { service, provider, model }: Pick<Offer, 'service' | 'provider' | 'model'>,
): string {
  return JSON.stringify([name, service, provider, model])
}

const NONE: readonly CatalogEntry[] = Object.freeze([])
