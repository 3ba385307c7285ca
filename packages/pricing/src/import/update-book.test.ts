import { describe, expect, it } from 'vitest'
import type { PriceBookDocument } from '../document/price-book-document.ts'
import { PriceBook } from '../price-book.ts'
import type { EntryDocument, RateDocument } from './imported-prices.ts'
import { updateBook } from './update-book.ts'

const options = { version: '2', effectiveFrom: '2026-11-01T00:00:00Z' }

function entry(rates: RateDocument[], more: Partial<EntryDocument> = {}): EntryDocument {
  return { service: 'gpt', provider: 'm', rates, ...more }
}

function bookOf(...entries: EntryDocument[]): PriceBookDocument {
  return { name: 'ours', currency: 'usd', versions: [{ version: '1', effective_from: '2025-01-01T00:00:00Z', entries }] }
}

function tiered(amount: string, above: string, tiers: object = {}): RateDocument {
  const steps = [{ amount: '1' }, { above, amount }]
  return { unit: 'tokens', tiers: { mode: 'whole_request', comparison: 'gt', measured: ['input'], steps, ...tiers } }
}

const flat = (amount: string, per?: string): RateDocument => ({ unit: 'tokens', amount, ...(per && { per }) })

describe('a price that is only written otherwise makes no new version', () => {
  it.each<[string, RateDocument, RateDocument]>([
    ['for another number of units', flat('0.15', '1000000'), flat('0.00000015')],
    ['with other digits', flat('2.50'), flat('2.5', '1')],
    ['with other digits in a tier', tiered('2.50', '200000'), tiered('2.5', '200000.0')],
    ['with a default in a tier', tiered('2', '200000'), tiered('2', '200000', { basis: 'request' })],
    ['for another number of units of each tier', { ...tiered('2', '200'), per: '10' }, { ...tiered('2', '200'), per: '10.0' }],
    [
      'with a default of what is included',
      { ...flat('1'), included: { quantity: '5' } },
      { ...flat('1'), included: { quantity: '5', basis: 'request' } },
    ],
  ])('%s', (_, before, after) => {
    const document = bookOf(entry([before]))
    expect(updateBook(document, [entry([after])], options)).toEqual({ document, changes: [], notInBook: 0 })
  })

  it('with a default in a window', () => {
    const window = (more: object) => ({ windows: [{ name: 'night', from: '22:00', rates: [flat('1')], ...more }] })
    const document = bookOf(entry([flat('2')], window({})))
    const imported = [entry([flat('2')], window({ zone: 'UTC', rates: [flat('1', '1')] }))]
    expect(updateBook(document, imported, options).changes).toEqual([])
    // As when it is brought up to date with what it was made of.
    expect(updateBook(new PriceBook(document).document, imported, options).changes).toEqual([])
  })
})

describe('a price that differs makes a new version', () => {
  it.each<[string, RateDocument, RateDocument]>([
    ['in its amount', flat('2'), flat('2.000000000000000001')],
    ['in its units', flat('2', '10'), flat('2', '100')],
    ['in the amount of a tier', tiered('2', '200'), tiered('3', '200')],
    ['in where a tier begins', tiered('2', '200'), tiered('2', '201')],
    ['in how a tier is reached', tiered('2', '200'), tiered('2', '200', { comparison: 'gte' })],
    ['in the units of its tiers', tiered('2', '200'), { ...tiered('2', '200'), per: '10' }],
    ['in having tiers', flat('1'), tiered('1', '200')],
    ['in its rules', flat('1'), { ...flat('1'), increment: { first: '1', next: '1' } }],
  ])('%s', (_, before, after) => {
    const document = bookOf(entry([before], { connect_fee: '1' }))
    const updated = updateBook(document, [entry([after], { source: 'a page' })], options)
    expect(updated.changes).toMatchObject([{ change: 'changed', service: 'gpt', provider: 'm', what: 'tokens' }])
    // What is a team's own stays.
    expect(updated.document.versions.at(-1)).toEqual({
      version: '2',
      effective_from: options.effectiveFrom,
      entries: [entry([after], { connect_fee: '1', source: 'a page' })],
    })
    expect(() => new PriceBook(updated.document)).not.toThrow()
  })
})

it('takes no alias that is the name of a row which stays: a name has one price', () => {
  const document = bookOf(
    entry([flat('1')], { provider: 'davinci', aliases: ['ours'] }),
    entry([flat('3')], { provider: 'davinci-2' }),
  )
  const imported = entry([flat('2')], { provider: 'davinci', aliases: ['ours', 'davinci-2'] })
  const updated = updateBook(document, [imported], options)
  expect(updated.changes.map(({ what }) => what)).toEqual(['tokens'])
  expect(new PriceBook(updated.document).document.versions.at(-1)?.entries.map(({ aliases }) => aliases)).toEqual([
    ['ours'],
    undefined,
  ])
  const alone = entry([flat('1')], { provider: 'davinci', aliases: ['davinci-2'] })
  const unchanged = bookOf(entry([flat('1')], { provider: 'davinci' }), entry([flat('3')], { provider: 'davinci-2' }))
  expect(updateBook(unchanged, [alone], options)).toEqual({ document: unchanged, changes: [], notInBook: 0 })
})

it('adds no row that an alias in the book names: a name has one price', () => {
  const document = bookOf(entry([flat('1')], { provider: 'o3', aliases: ['o3-2025'] }))
  const added = [entry([flat('2')], { provider: 'o3-2025' }), entry([flat('3')], { provider: 'o4' })]
  const updated = updateBook(document, added, { ...options, addRows: true })
  expect(updated.notInBook).toBe(1)
  expect(updated.changes.map(({ change, provider }) => [change, provider])).toEqual([['added', 'o4']])
  const { entry: found } = new PriceBook(updated.document).find({
    service: 'gpt',
    provider: 'o3-2025',
    at: Date.UTC(2026, 10, 2),
  })
  expect(found.provider).toBe('o3')
})

it('keeps the day of a retirement where the source tells none at all, and not where it tells others', () => {
  const document = bookOf(entry([flat('1')], { retires: '2027-01-14' }))
  expect(updateBook(document, [entry([flat('1')])], options).changes).toEqual([])
  expect(updateBook(document, [entry([flat('2')])], options).document.versions.at(-1)?.entries).toEqual([
    entry([flat('2')], { retires: '2027-01-14' }),
  ])
  const telling = [entry([flat('1')]), entry([flat('1')], { provider: 'n', retires: '2027-02-01' })]
  expect(updateBook(document, telling, options).changes).toMatchObject([{ what: 'retires', before: '"2027-01-14"' }])
})
