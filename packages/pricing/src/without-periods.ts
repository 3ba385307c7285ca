import type { PriceEntry } from './document/price-book-document.ts'
import { PriceBook } from './price-book.ts'

/**
 * Whether an entry has a price that depends on the usage in a period, such as monthly tiers. Such a call cannot be priced on its
 * own.
 */
export function hasPeriods({ rates, windows = [] }: PriceEntry): boolean {
  const every = [...rates, ...windows.flatMap((window) => window.rates ?? [])]
  return every.some(({ included, package: sold, tiers }) => [included, sold, tiers].some((rule) => rule?.basis === 'period'))
}

/**
 * Returns the book without its entries by period (see {@link hasPeriods}). The rest can be charged call by call, as
 * `createFarebox` does.
 *
 * @throws {InvalidPriceBookError} a version would have no entries left
 */
export function withoutPeriods({ document }: PriceBook): PriceBook {
  const versions = document.versions.map((version) => ({
    ...version,
    entries: version.entries.filter((entry) => !hasPeriods(entry)),
  }))
  return new PriceBook({ ...document, versions })
}
