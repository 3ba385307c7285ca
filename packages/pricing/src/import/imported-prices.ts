import type { PriceBookDocument } from '../document/price-book-document.ts'

/** An entry of a price book as it is written. */
export type EntryDocument = PriceBookDocument['versions'][number]['entries'][number]
export type RateDocument = EntryDocument['rates'][number]

/** What could not be taken from a source, and why. */
export interface NotTaken {
  /** The row, in the source's own words: `openai/gpt-4o`, `line 12`. */
  row: string
  /** The part of the row, where the rest of it was taken: a field, or a name that it goes by. */
  field?: string
  reason: string
}

/** What was taken from a source, and what was not. Nothing unknown was turned into a price, least of all into zero. */
export interface ImportedPrices {
  entries: EntryDocument[]
  notTaken: NotTaken[]
}

/** Where prices were read, and when: for every row. */
export interface ImportSource {
  /** Who published it, with its version or address. */
  source: string
  /** The day on which it was read: `2026-11-20`. */
  checked: string
}

/** A price book of one version, made of what was imported. */
export function importedBook(
  { entries }: Pick<ImportedPrices, 'entries'>,
  { name, version, effectiveFrom }: { name: string; version: string; effectiveFrom: string },
): PriceBookDocument {
  return { name, currency: 'usd', versions: [{ version, effective_from: effectiveFrom, entries }] }
}
