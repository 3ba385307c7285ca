import { DEFAULT_ROUNDING } from './default-rounding.ts'
import type { Currency, PriceBookData, PriceBookDocument, PriceEntry } from './document/price-book-document.ts'
import { frozen, readPriceBook } from './document/read-price-book.ts'
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

/** A version of a price book, and when it is in force. */
export interface VersionSpan {
  /** `name@version`. */
  version: string
  /** Epoch milliseconds, UTC. */
  from: number
  /** When the next version begins, in epoch milliseconds, UTC. Absent for the last one. */
  until?: number
}

/** A large book that was checked when it was built, and is read only on its first use. */
export interface CheckedPriceBook {
  name: string
  currency: Currency
  /** Returns a document of that name and currency, with all defaults filled in. */
  read(): PriceBookData
}

function isChecked(document: PriceBookDocument | CheckedPriceBook): document is CheckedPriceBook {
  // A document from a file may be anything. `readPriceBook` reports what is wrong with it.
  return typeof document === 'object' && document !== null && 'read' in document && typeof document.read === 'function'
}

/** Immutable prices in dated versions. Every lookup names the moment it is for. */
export class PriceBook {
  readonly name: string
  readonly currency: Currency
  readonly #read: () => PriceBookData
  #document: PriceBookData | undefined
  /** Newest first. */
  #indexed: readonly Version[] | undefined

  /**
   * @throws {InvalidPriceBookError} lists everything wrong: rows, fields, dates that overlap or leave a gap, names priced twice
   */
  constructor(document: PriceBookDocument | CheckedPriceBook) {
    const checked = isChecked(document) ? document : undefined
    const data = checked ?? readPriceBook(document as PriceBookDocument)
    this.name = data.name
    this.currency = data.currency
    this.#read = checked ? () => checked.read() : () => data as PriceBookData
    if (!checked) this.#indexed = this.#index()
  }

  /** The document behind the book, with defaults filled in. Frozen. */
  get document(): PriceBookData {
    this.#document ??= frozen(this.#read())
    return this.#document
  }

  /** The rounding of entries that have none of their own. */
  get rounding(): Rounding {
    return Object.freeze(this.document.rounding ?? DEFAULT_ROUNDING[this.currency])
  }

  get #versions(): readonly Version[] {
    this.#indexed ??= this.#index()
    return this.#indexed
  }

  #index(): readonly Version[] {
    const { name, currency, rounding } = this
    return this.document.versions
      .map(({ version, effective_from, entries }) => {
        const of = { book: name, version: `${name}@${version}`, currency, rounding }
        const priced = entries.map((entry) => new PricedEntry(entry, of))
        return { name: of.version, from: Date.parse(effective_from), entries, priced, index: new PriceIndex(priced) }
      })
      .reverse()
  }

  /**
   * Finds the price in force at `query.at`: the model's entry, or else the provider's entry for all models.
   *
   * @throws {PriceNotFoundError} no version is in force then, or it does not price this provider, model or number
   */
  find(query: PriceQuery): PricedEntry {
    return this.lookUp(query) ?? this.#notFound(query)
  }

  /** Like {@link find}, but returns `undefined` if there is no price. */
  lookUp(query: PriceQuery): PricedEntry | undefined {
    if (query.currency !== undefined && query.currency !== this.currency) return undefined
    return this.#versionAt(query.at)?.index.find(query)
  }

  /** Every entry in force at a moment, in epoch milliseconds, and the name of its version. */
  entries(at: number): { version: string; entries: readonly PriceEntry[] } {
    const version = this.#versionAt(at)
    return { version: version?.name ?? this.name, entries: version?.entries ?? [] }
  }

  /** Every entry in force at a moment, in epoch milliseconds, each with its version and rounding. */
  pricedEntries(at: number): readonly PricedEntry[] {
    return this.#versionAt(at)?.priced ?? []
  }

  /** When each version is in force, oldest first. */
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
