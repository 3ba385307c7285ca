import type { PriceBookDocument } from '../document/price-book-document.ts'
import type { EntryDocument } from '../import/imported-prices.ts'
import { entriesOfModel, type ModelPrices } from '../import/model-prices.ts'
import { readListPrices } from './list-prices.generated.ts'

/** The data of the default cost book. */
export interface ListPrices {
  /** Where the prices of `models` were read. Each model also names its vendor's own page. */
  source: string
  checked: string
  models: ModelPrices[]
  /** All other prices, each with its own source. */
  entries: EntryDocument[]
}

/**
 * Returns what providers charge at list price, as a document from which to make your own book with a few rows changed. Every row
 * says where and when it was read, and how reliable it is.
 */
export function listPrices(): PriceBookDocument {
  const { source, checked, models, entries } = readListPrices()
  const chat = models.flatMap((model) =>
    entriesOfModel(model).map((entry) => ({
      ...entry,
      source: [source, model.source].filter(Boolean).join(', '),
      checked,
      confidence: 'single_source' as const,
    })),
  )
  return {
    name: 'list-prices',
    currency: 'usd',
    versions: [{ version: '2026-11', effective_from: '2025-01-01T00:00:00Z', entries: [...chat, ...entries] }],
  }
}
