import { describe, expect, it } from 'vitest'
import { PriceBook } from './price-book.ts'
import { at, bookOf, type EntryDocument, query, type RateDocument } from './testing/book-of.ts'
import { hasPeriods, withoutPeriods } from './without-periods.ts'

const plain: RateDocument = { unit: 'minutes', amount: '1' }
const steps = [{ amount: '2' }, { above: '10', amount: '1' }]
const rulesOf = (basis: 'request' | 'period'): [string, RateDocument][] => [
  ['included units', { ...plain, included: { quantity: '5', basis } }],
  ['packages', { ...plain, package: { size: '5', basis } }],
  ['tiers', { unit: 'minutes', tiers: { mode: 'graduated', comparison: 'gt', basis, steps } }],
]
const priced = (document: Partial<EntryDocument>) => {
  const { entry, isByPeriod } = bookOf(document).find(query)
  expect(isByPeriod).toBe(hasPeriods(entry))
  return isByPeriod
}

describe('an entry has periods', () => {
  it.each(rulesOf('period'))('for its %s', (_, rate) => {
    expect(priced({ rates: [rate] })).toBe(true)
  })

  it.each(rulesOf('period'))('for the %s of one rate of several, or of one window', (_, rate) => {
    const other: RateDocument = { unit: 'tokens', amount: '1' }
    expect(priced({ rates: [other, rate] })).toBe(true)
    const never = { name: 'never', first_day: '2030-01-01' }
    expect(
      priced({
        windows: [
          { ...never, factor: '2' },
          { ...never, rates: [other, rate] },
        ],
      }),
    ).toBe(true)
  })

  it.each(rulesOf('request'))('not for %s by request', (_, rate) => {
    expect(priced({ rates: [rate], windows: [{ name: 'never', first_day: '2030-01-01', rates: [rate] }] })).toBe(false)
  })

  it('not where it has no such rule', () => {
    expect(priced({ rates: [plain], windows: [{ name: 'night', from: '22:00', factor: '2' }] })).toBe(false)
  })
})

it('a book without them has all else as it was, in each version', () => {
  const entry = (provider: string, rate: RateDocument): EntryDocument => ({ service: 'phone', provider, rates: [rate] })
  const [, [, byPeriod] = ['', plain]] = rulesOf('period')
  const version = (name: string, from: string, entries: EntryDocument[]) => ({ version: name, effective_from: from, entries })
  const book = new PriceBook({
    name: 'mixed',
    currency: 'usd',
    rounding: { mode: 'down', step: '0.01', point: 'line' },
    versions: [
      version('1', '2020-01-01T00:00:00Z', [entry('a', plain), entry('b', byPeriod)]),
      version('2', '2026-01-01T00:00:00Z', [entry('a', byPeriod), entry('b', plain)]),
    ],
  })
  const left = withoutPeriods(book)
  expect(left.currency).toBe('usd')
  expect(left.rounding).toEqual(book.rounding)
  expect(left.versions()).toEqual(book.versions())
  const has = (when: number) => left.entries(when).entries.map(({ provider }) => provider)
  expect(has(Date.parse('2025-06-01T00:00:00Z'))).toEqual(['a'])
  expect(has(at)).toEqual(['b'])
  expect(book.entries(at).entries).toHaveLength(2)
})

it('a book of which nothing would be left is refused', () => {
  const [, , [, byPeriod] = ['', plain]] = rulesOf('period')
  expect(() => withoutPeriods(bookOf({ rates: [byPeriod] }))).toThrow('price book test: version 1, entries')
})
