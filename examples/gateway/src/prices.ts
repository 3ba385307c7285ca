import { applyMarkup, defaultCostBook, defaultPriceBook, type PriceBook, withoutPeriods } from '@farebox/pricing'
import { type Environment, SetupError } from './environment.ts'

/**
 * Chooses what customers pay: the default prices or, if the settings state the price of a credit and a markup, the providers' list
 * prices plus that markup.
 *
 * @throws {SetupError} only one of the two settings is set, or they lead to prices with too many digits
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
    // The message lists one problem per price.
    const [first] = (error as Error).message.split('; ')
    throw new SetupError(`FAREBOX_CREDIT_USD and FAREBOX_MARKUP_PERCENT make prices that cannot be written: ${first}`)
  }
}
