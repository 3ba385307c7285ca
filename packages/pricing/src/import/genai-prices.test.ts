import { quantity, type UsageQuantity } from '@farebox/core'
import { calcPrice, waitForUpdate } from '@pydantic/genai-prices'
import { beforeAll, describe, expect, it } from 'vitest'
import { PriceBook } from '../price-book.ts'
import { rate } from '../rate.ts'
import { type GenaiProvider, importGenaiPrices } from './genai-prices.ts'
import { type ImportedPrices, importedBook } from './imported-prices.ts'

const source = { source: 'npm @pydantic/genai-prices', checked: '2026-11-20' }
const book = (imported: ImportedPrices) =>
  new PriceBook(importedBook(imported, { name: 'genai', version: '1', effectiveFrom: '2025-01-01T00:00:00Z' }))

let data: readonly GenaiProvider[]
beforeAll(async () => {
  data = (await waitForUpdate()) as readonly GenaiProvider[]
})

/** The same usage in their words, where totals include their parts, and in ours. */
const usages = [
  { theirs: { input_tokens: 1_000, output_tokens: 500 }, ours: { input: 1_000, output: 500 } },
  {
    theirs: { input_tokens: 300_000, cache_read_tokens: 120_000, output_tokens: 7_001 },
    ours: { input: 180_000, cached_input: 120_000, output: 7_001 },
  },
  {
    theirs: { input_tokens: 20_000, cache_write_tokens: 3_000, cache_read_tokens: 2_000, output_tokens: 10 },
    ours: { input: 15_000, cache_write: 3_000, cached_input: 2_000, output: 10 },
  },
]
const moments = ['2025-06-01T12:00:00Z', '2026-11-21T03:00:00Z', '2026-11-21T12:00:00Z', '2027-06-01T00:00:00Z']

describe('a model of genai-prices that a book would refuse', () => {
  it.each([
    [
      'two tiers with one beginning',
      {
        input_mtok: {
          base: 1,
          tiers: [
            { start: 5, price: 2 },
            { start: 5, price: 3 },
          ],
        },
      },
      /^rates\.\d/,
    ],
    [
      'a day that is none',
      [{ prices: { input_mtok: 1 } }, { constraint: { start_date: '2026-02-30' }, prices: { input_mtok: 2 } }],
      /^windows\.0\.first_day/,
    ],
  ])('is left out and reported, and the others are kept: %s', (_, prices, field) => {
    const vendor = {
      id: 'openai',
      models: [
        { id: 'gpt-5', prices: { input_mtok: 1 } },
        { id: 'gpt-6', prices },
      ],
    }
    const imported = importGenaiPrices([vendor], source)
    expect(
      book(imported)
        .entries(Date.parse('2026-11-21'))
        .entries.map(({ provider }) => provider),
    ).toEqual(['gpt-5', 'gpt-5'])
    expect(imported.notTaken).toMatchObject([{ row: 'openai/gpt-6', field: expect.stringMatching(field) }])
  })
})

describe('the whole of genai-prices', () => {
  it('costs the same with the book as with calcPrice, for every model of every vendor at any time', () => {
    let compared = 0
    for (const provider of data) {
      const { entries } = importGenaiPrices(data, { ...source, vendors: [provider.id], servicesOf: () => ['gpt'] })
      if (entries.length === 0) continue
      const prices = book({ entries, notTaken: [] })
      for (const { provider: model, rates } of entries) {
        if (!rates.some(({ meter }) => meter === 'input') || !rates.some(({ meter }) => meter === 'output')) continue
        for (const at of moments) {
          for (const { theirs, ours } of usages) {
            const expected = calcPrice(theirs, model, { providerId: provider.id, timestamp: new Date(at) })
            // By its own order of matching a name may be another model's there.
            if (expected?.model.id !== model || 'requests_kcount' in expected.model_price) continue
            const quantities = Object.entries(ours).map(
              ([meter, count]): UsageQuantity => ({ meter, quantity: quantity(count), unit: 'tokens' }),
            )
            const { total } = rate(prices, { service: 'gpt', provider: model, at: Date.parse(at) }, quantities)
            const found = Number(total.numerator) / Number(total.denominator)
            expect(Math.abs(found - expected.total_price), `${provider.id}/${model} at ${at}`).toBeLessThanOrEqual(
              expected.total_price * 1e-12,
            )
            compared += 1
          }
        }
      }
    }
    expect(compared).toBeGreaterThan(10_000)
  })

  it('resolves the dated and other names of a model as calcPrice does', () => {
    for (const vendor of ['openai', 'anthropic', 'mistral', 'x-ai', 'deepseek']) {
      const provider = data.find(({ id }) => id === vendor)
      const prices = book(importGenaiPrices(data, { ...source, vendors: [vendor], servicesOf: () => ['gpt'] }))
      const names = (provider?.models ?? []).flatMap(({ match }) => [...JSON.stringify(match).matchAll(/"equals":"([^"]+)"/g)])
      expect(names.length).toBeGreaterThan(5)
      for (const [, name = ''] of names) {
        const theirs = calcPrice({ input_tokens: 1 }, name, { providerId: vendor })?.model.id
        const ours = prices.lookUp({ service: 'gpt', provider: name, at: Date.parse('2026-11-21T00:00:00Z') })?.entry.provider
        if (ours !== undefined) expect(ours, `${vendor} ${name}`).toBe(theirs)
      }
    }
  })

  it('tells of what a book cannot hold, with the row and the reason', () => {
    const { notTaken } = importGenaiPrices(data, { ...source, vendors: ['openai', 'mistral', 'nobody'] })
    expect(notTaken).toContainEqual({ row: 'nobody', reason: 'there is no such vendor in the data' })
    expect(notTaken).toContainEqual({ row: 'openai/whisper-1', reason: 'it serves none of the services that are priced' })
    expect(notTaken).toContainEqual({
      row: 'mistral/mistral-ocr-latest',
      field: 'input_document_kpages',
      reason: 'a book has no unit for it',
    })
  })

  it('can be held by one book, where the first vendor of a name is the one', () => {
    const imported = importGenaiPrices(data, source)
    expect(book(imported).entries(Date.now()).entries.length).toBeGreaterThan(2_000)
    expect(imported.notTaken.some(({ reason }) => /has a price under this name/.test(reason))).toBe(true)
  })
})

it('what a cache keeps for an hour costs at least what it keeps for less, where only that has a price', () => {
  const prices = { input_mtok: 1, cache_write_mtok: 1.25, output_mtok: 5 }
  const { entries } = importGenaiPrices([{ id: 'v', models: [{ id: 'm', prices }] }], source)
  const amounts = Object.fromEntries(entries[0]?.rates.map(({ meter, amount }) => [meter, amount]) ?? [])
  expect(amounts).toMatchObject({ cache_write: '1.25', cache_write_5m: '1.25', cache_write_1h: '1.25', cached_input: '1' })
})

it('a price that is no number is told of, and what is unknown never becomes zero', () => {
  const model = (prices: unknown) => [{ id: 'v', models: [{ id: 'm', prices }] }]
  expect(importGenaiPrices(model({ input_mtok: 'dear' }), source)).toEqual({
    entries: [],
    notTaken: [
      { row: 'v/m', field: 'input_mtok', reason: '"dear" is no price' },
      { row: 'v/m', reason: 'it has no price that a book can hold' },
    ],
  })
  const tiers = (given: unknown) => importGenaiPrices(model({ input_mtok: { base: 1, tiers: given } }), source).entries
  expect(tiers([{ start: 5, price: 2 }])[0]?.rates[0]?.tiers?.steps).toEqual([{ amount: '1' }, { above: '5', amount: '2' }])
  for (const broken of [undefined, null, 7, [null], [{ start: 5 }], [{ start: '5', price: 2 }]]) expect(tiers(broken)).toEqual([])
  for (const broken of [undefined, null, 'free', [], [null], [{ prices: null }], { input_mtok: null }]) {
    expect(importGenaiPrices(model(broken), source).entries).toEqual([])
  }
  const dated = [{ prices: { input_mtok: 1 } }, { constraint: { moon: 'full' }, prices: { input_mtok: 2 } }]
  expect(importGenaiPrices(model(dated), source).notTaken).toContainEqual({
    row: 'v/m',
    field: 'prices',
    reason: 'a price under the condition {"moon":"full"}',
  })
  expect(importGenaiPrices(model({ input_mtok: 0, output_mtok: 1 }), source).entries[0]?.rates).toContainEqual({
    unit: 'tokens',
    meter: 'input',
    amount: '0',
    per: '1000000',
  })
})
