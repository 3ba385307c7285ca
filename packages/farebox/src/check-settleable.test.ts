import { applyMarkup, defaultCostBook, defaultPriceBook, withoutPeriods } from '@farebox/pricing'
import { expect, it } from 'vitest'
import { checkSettleable } from './check-settleable.ts'

const markup = { name: 'marked-up', credit_value_usd: '0.001', rules: [{ percent: '30' }] }

it('list prices with a markup can be sold, once what is priced by the month is left out', () => {
  expect(() => checkSettleable(applyMarkup(defaultCostBook, markup), defaultCostBook)).toThrow(/withoutPeriods/)
  const prices = applyMarkup(withoutPeriods(defaultCostBook), markup)
  expect(() => checkSettleable(prices, defaultCostBook)).not.toThrow()
  const at = Date.parse('2026-11-28T00:00:00Z')
  for (const [service, provider] of [
    ['embedding', 'text-embedding-3-small'],
    ['realtime', 'gpt-realtime'],
    ['gpt', 'claude-haiku-5-5'],
  ] as const) {
    expect(prices.lookUp({ service, provider, at }), provider).toBeDefined()
    expect(defaultPriceBook.lookUp({ service, provider, at })).toBeUndefined()
  }
})
