import type { PriceEntry } from './document/price-book-document.ts'
import { PriceBook } from './price-book.ts'

/** Whether an entry has a price that depends on what was used in a period, such as a tier by the month: of one call alone it cannot be told. */
export function hasPeriods({ rates, windows = [] }: PriceEntry): boolean {
  const every = [...rates, ...windows.flatMap((window) => window.rates ?? [])]
  return every.some(({ included, package: sold, tiers }) => [included, sold, tiers].some((rule) => rule?.basis === 'period'))
}

/**
 * A book without the entries that {@link hasPeriods}: what is left can be charged call by call, as `createFarebox` does.
 *
 * @throws {InvalidPriceBookError} nothing would be left of a version
 */
export function withoutPeriods({ document }: PriceBook): PriceBook {
  const versions = document.versions.map((version) => ({
    ...version,
    entries: version.entries.filter((entry) => !hasPeriods(entry)),
  }))
  return new PriceBook({ ...document, versions })
}
