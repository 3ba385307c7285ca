import type { PriceBookDocument } from '../document/price-book-document.ts'

/** A price book entry as written, before defaults are filled in. */
export type EntryDocument = PriceBookDocument['versions'][number]['entries'][number]
export type RateDocument = EntryDocument['rates'][number]

/** A part of a source that could not be imported, and why. */
export interface NotTaken {
  /** The row, in the source's own terms: `openai/gpt-4o`, `line 12`. */
  row: string
  /** The field concerned, if it is one. The rest of the row may have been imported. */
  field?: string
  reason: string
}

/** What was imported from a source, and what was not. An unknown price is never guessed, and never taken as zero. */
export interface ImportedPrices {
  entries: EntryDocument[]
  notTaken: NotTaken[]
}

/** Where and when the prices were read. Every entry records it. */
export interface ImportSource {
  /** Who published the prices, with version or URL. */
  source: string
  /** The day on which they were read: `2026-11-20`. */
  checked: string
}

/** Makes a price book in US dollars, with a single version, of imported entries. */
export function importedBook(
  { entries }: Pick<ImportedPrices, 'entries'>,
  { name, version, effectiveFrom }: { name: string; version: string; effectiveFrom: string },
): PriceBookDocument {
  return { name, currency: 'usd', versions: [{ version, effective_from: effectiveFrom, entries }] }
}
