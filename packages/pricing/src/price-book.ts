import type { PriceBookData, PriceBookDocument, PriceEntry, PriceVersion } from './document/price-book-document.ts'
import { readPriceBook } from './document/read-price-book.ts'
import { PriceNotFoundError, type PriceQuery } from './errors.ts'

/** A price as it was at a time. */
export interface Price {
  entry: PriceEntry
  /** `name@version`, as usage records keep it. */
  version: string
}

interface Version {
  name: string
  from: number
  entries: readonly PriceEntry[]
  byProvider: ReadonlyMap<string, readonly PriceEntry[]>
}

/** Immutable, dated prices. Every lookup says as of when. */
export class PriceBook {
  readonly name: string
  readonly currency: PriceBookData['currency']
  /** What it was made from, with defaults filled in. Frozen. */
  readonly document: PriceBookData
  /** Newest first. */
  readonly #versions: readonly Version[]

  /** @throws {InvalidPriceBookError} with everything that is wrong: rows, fields, dates that overlap or leave a gap, names priced twice */
  constructor(document: PriceBookDocument) {
    const data = readPriceBook(document)
    this.name = data.name
    this.currency = data.currency
    this.document = data
    this.#versions = data.versions.map(indexed).reverse()
  }

  /**
   * The price in force at `query.at`: the entry of the model, otherwise the provider's own.
   *
   * @throws {PriceNotFoundError} no version was in force then, or it does not price this provider
   */
  find(query: PriceQuery): Price {
    const version = this.#versions.find(({ from }) => from <= query.at)
    if (!version) throw new PriceNotFoundError(this.name, query, { problem: 'has no version in force' })
    const entries = version.byProvider.get(`${query.service}\0${query.provider}`) ?? []
    const entry =
      entries.find(({ model }) => model !== undefined && model === query.model) ??
      entries.find(({ model }) => model === undefined)
    if (entry) return { entry, version: `${this.name}@${version.name}` }
    const nearest = version.entries.filter(({ service }) => service === query.service).map(({ provider }) => provider)
    throw new PriceNotFoundError(this.name, query, { problem: 'has no price', nearest: [...new Set(nearest)] })
  }

  /** Every price in force at a time. */
  entries(at: number): { version: string; entries: readonly PriceEntry[] } {
    const version = this.#versions.find(({ from }) => from <= at)
    return { version: version ? `${this.name}@${version.name}` : this.name, entries: version?.entries ?? [] }
  }
}

function indexed({ version, effective_from, entries }: PriceVersion): Version {
  const byProvider = new Map<string, PriceEntry[]>()
  for (const entry of entries) {
    const key = `${entry.service}\0${entry.provider}`
    byProvider.set(key, [...(byProvider.get(key) ?? []), entry])
  }
  return { name: version, from: Date.parse(effective_from), entries, byProvider }
}
