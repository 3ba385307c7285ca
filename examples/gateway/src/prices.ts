import { applyMarkup, defaultCostBook, defaultPriceBook, type PriceBook, withoutPeriods } from '@farebox/pricing'
import { type Environment, SetupError } from './environment.ts'

/**
 * What customers pay: the default prices or, where the settings say what a credit is sold for and what is to be earned, the list prices of
 * providers with that on top.
 *
 * @throws {SetupError} only one of the two settings is there, or they make prices of too many digits
 */
export function choosePrices({ FAREBOX_CREDIT_USD: credit, FAREBOX_MARKUP_PERCENT: percent }: Environment): PriceBook {
  if (credit === undefined && percent === undefined) return defaultPriceBook
  if (credit === undefined || percent === undefined)
    throw new SetupError('FAREBOX_CREDIT_USD and FAREBOX_MARKUP_PERCENT go together')
  try {
    return applyMarkup(withoutPeriods(defaultCostBook), {
      name: 'list-prices-marked-up',
      credit_value_usd: credit,
      rules: [{ percent }],
    })
  } catch (error) {
    // One for each price.
    const [first] = (error as Error).message.split('; ')
    throw new SetupError(`FAREBOX_CREDIT_USD and FAREBOX_MARKUP_PERCENT make prices that cannot be written: ${first}`)
  }
}
