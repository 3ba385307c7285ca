import type { Offer, UsageQuantity } from '@farebox/core'
import { credits, quantity } from '@farebox/core'
import { defaultCostBook, PriceBook } from '@farebox/pricing'
import { expect, it } from 'vitest'
import { BookPrices } from './book-prices.ts'

const change = Date.UTC(2026, 6, 1)
const version = (name: string, from: string, amount: string) => ({
  version: name,
  effective_from: from,
  entries: [{ service: 'phone', provider: 'twilio', rates: [{ unit: 'minutes' as const, amount }] }],
})
const book = new PriceBook({
  name: 'own',
  currency: 'credits',
  versions: [version('dear', '2026-01-01T00:00:00Z', '20'), version('cheap', '2026-07-01T00:00:00Z', '10')],
})
const offer = { service: 'phone', provider: 'twilio' } as Offer
const minutes: UsageQuantity[] = [{ meter: 'duration', quantity: quantity(5), unit: 'minutes' }]

it('a call that began before prices changed is held for by the prices that charge it', () => {
  const prices = new BookPrices(book, defaultCostBook, () => change)
  const at = change - 1
  const { priced } = prices.price({ service: 'phone', provider: 'twilio', at }, minutes)
  expect(priced).toMatchObject({ rated: credits(100), priceVersion: 'own@dear' })
  expect(prices.asOf(at).predict(offer, minutes).charge).toBe(credits(100))
  expect(prices.predict(offer, minutes).charge).toBe(credits(50))
})

it('the version of a time is the one that prices it, from the moment on at which it begins', () => {
  const prices = new BookPrices(book, defaultCostBook, () => change)
  for (const at of [change - 1, change]) {
    const { priced } = prices.price({ service: 'phone', provider: 'twilio', at }, minutes)
    expect(prices.versionAt(at)).toBe(priced.priceVersion)
  }
  expect(prices.versionAt(change)).toBe('own@cheap')
  expect(prices.versionAt(Date.UTC(2025, 11, 31))).toBeUndefined()
})
