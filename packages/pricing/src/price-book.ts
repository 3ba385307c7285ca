import { z } from 'zod'
import { InvalidPriceBookError, PriceNotFoundError, type PriceQuery } from './errors.ts'
import { type PriceBookData, type PriceBookDocument, type PriceEntry, priceBookSchema } from './price-book-document.ts'

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
  /** Newest first. */
  readonly #versions: readonly Version[]

  /** @throws {InvalidPriceBookError} the document breaks the schema, names a version or an entry twice, or dates run backwards */
  constructor(document: PriceBookDocument) {
    const parsed = priceBookSchema.safeParse(document)
    if (!parsed.success) throw new InvalidPriceBookError(`price book: ${z.prettifyError(parsed.error)}`)
    this.name = parsed.data.name
    this.currency = parsed.data.currency
    this.#versions = parsed.data.versions.map((version) => indexed(parsed.data.name, version)).reverse()
    for (const [index, version] of this.#versions.entries()) {
      const older = this.#versions[index + 1]
      if (older && older.from >= version.from) {
        throw new InvalidPriceBookError(`price book ${this.name}: version ${version.name} does not begin after ${older.name}`)
      }
    }
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

function indexed(book: string, { version, effective_from, entries }: PriceBookData['versions'][number]): Version {
  const byProvider = new Map<string, PriceEntry[]>()
  for (const entry of entries) {
    const key = `${entry.service}\0${entry.provider}`
    const same = byProvider.get(key) ?? []
    if (same.some(({ model }) => model === entry.model)) {
      const row = [entry.service, entry.provider, entry.model].filter(Boolean).join(' ')
      throw new InvalidPriceBookError(`price book ${book}, version ${version}: ${row} is priced twice`)
    }
    byProvider.set(key, [...same, entry])
  }
  return { name: version, from: Date.parse(effective_from), entries, byProvider }
}
