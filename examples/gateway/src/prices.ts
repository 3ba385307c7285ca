import { applyMarkup, defaultCostBook, defaultPriceBook, PriceBook, type PriceEntry } from '@farebox/pricing'
import { type Environment, SetupError } from './environment.ts'

/**
 * What customers pay: the default prices or, where the settings say what a credit is sold for and what is to be earned, the list prices of
 * providers with that on top.
 *
 * @throws {SetupError} only one of the two settings is there
 */
export function choosePrices({ FAREBOX_CREDIT_USD: credit, FAREBOX_MARKUP_PERCENT: percent }: Environment): PriceBook {
  if (credit === undefined && percent === undefined) return defaultPriceBook
  if (credit === undefined || percent === undefined)
    throw new SetupError('FAREBOX_CREDIT_USD and FAREBOX_MARKUP_PERCENT go together')
  const { document } = defaultCostBook
  const versions = document.versions.map((version) => ({
    ...version,
    // Calls are charged one by one, so what gets cheaper within a month has no price for one of them.
    entries: version.entries.filter((entry) => !isByPeriod(entry)),
  }))
  return applyMarkup(new PriceBook({ ...document, versions }), {
    name: 'list-prices-marked-up',
    credit_value_usd: credit,
    rules: [{ percent }],
  })
}

function isByPeriod({ rates, windows = [] }: PriceEntry): boolean {
  return [...rates, ...windows.flatMap((window) => window.rates ?? [])].some(({ included, package: sold, tiers }) =>
    [included, sold, tiers].some((rule) => rule?.basis === 'period'),
  )
}
