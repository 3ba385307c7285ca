import { DEFAULT_ROUNDING } from './default-rounding.ts'
import type { Currency, PriceBookData, PriceBookDocument, PriceEntry } from './document/price-book-document.ts'
import { readPriceBook } from './document/read-price-book.ts'
import type { Rounding } from './document/rules.ts'
import { PriceNotFoundError, type PriceQuery } from './errors.ts'
import { PriceIndex } from './index/price-index.ts'
import { PricedEntry } from './priced-entry.ts'

interface Version {
  name: string
  from: number
  entries: readonly PriceEntry[]
  priced: readonly PricedEntry[]
  index: PriceIndex
}

/** A version of a book, and the time in which it is in force. */
export interface VersionSpan {
  /** `name@version`. */
  version: string
  /** Epoch milliseconds, UTC. */
  from: number
  /** When the next one begins; absent for the last. */
  until?: number
}

/** Immutable, dated prices. Every lookup says as of when. */
export class PriceBook {
  readonly name: string
  readonly currency: Currency
  /** Where an entry has no rounding of its own. */
  readonly rounding: Rounding
  /** What it was made from, with defaults filled in. Frozen. */
  readonly document: PriceBookData
  /** Newest first. */
  readonly #versions: readonly Version[]

  /** @throws {InvalidPriceBookError} with everything that is wrong: rows, fields, dates that overlap or leave a gap, names priced twice */
  constructor(document: PriceBookDocument) {
    const data = readPriceBook(document)
    this.name = data.name
    this.currency = data.currency
    this.rounding = Object.freeze(data.rounding ?? DEFAULT_ROUNDING[data.currency])
    this.document = data
    this.#versions = data.versions
      .map(({ version, effective_from, entries }) => {
        const of = { book: this.name, version: `${this.name}@${version}`, currency: this.currency, rounding: this.rounding }
        const priced = entries.map((entry) => new PricedEntry(entry, of))
        return { name: of.version, from: Date.parse(effective_from), entries, priced, index: new PriceIndex(priced) }
      })
      .reverse()
  }

  /**
   * The price in force at `query.at`: the entry of the model, otherwise the provider's own.
   *
   * @throws {PriceNotFoundError} no version was in force then, or it does not price this provider, model or number
   */
  find(query: PriceQuery): PricedEntry {
    return this.lookUp(query) ?? this.#notFound(query)
  }

  /** As {@link find}, where having no price is nothing unusual. */
  lookUp(query: PriceQuery): PricedEntry | undefined {
    if (query.currency !== undefined && query.currency !== this.currency) return undefined
    return this.#versionAt(query.at)?.index.find(query)
  }

  /** Every price in force at a time. */
  entries(at: number): { version: string; entries: readonly PriceEntry[] } {
    const version = this.#versionAt(at)
    return { version: version?.name ?? this.name, entries: version?.entries ?? [] }
  }

  /** Every price in force at a time, with its version and rounding. */
  pricedEntries(at: number): readonly PricedEntry[] {
    return this.#versionAt(at)?.priced ?? []
  }

  /** When each version is in force, the oldest first. */
  versions(): VersionSpan[] {
    return this.#versions
      .map(({ name, from }, index) => ({ version: name, from, until: this.#versions[index - 1]?.from }))
      .reverse()
  }

  #versionAt(at: number): Version | undefined {
    for (const version of this.#versions) if (version.from <= at) return version
    return undefined
  }

  #notFound(query: PriceQuery): never {
    const { currency, at } = query
    if (currency !== undefined && currency !== this.currency) {
      throw new PriceNotFoundError(this.name, query, { problem: `has no price in ${currency}`, nearest: [this.currency] })
    }
    const version = this.#versionAt(at)
    if (version) throw new PriceNotFoundError(this.name, query, version.index.whyAbsent(query))
    const first = this.#versions.at(-1)
    const nearest = first ? [`${first.name} from ${new Date(first.from).toISOString()}`] : []
    throw new PriceNotFoundError(this.name, query, { problem: 'has no version in force', nearest })
  }
}
