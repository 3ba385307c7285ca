import { describe, expect, it } from 'vitest'
import { PriceBook } from './price-book.ts'
import { daysUntil, retirements } from './retirements.ts'

const entry = (model: string, retires?: string) => ({
  service: 'gpt',
  provider: 'p',
  model,
  rates: [{ unit: 'tokens' as const, amount: '1' }],
  ...(retires && { retires }),
})
const book = new PriceBook({
  name: 'test',
  currency: 'usd',
  versions: [
    { version: '1', effective_from: '2026-01-01T00:00:00Z', entries: [entry('old', '2026-06-15')] },
    {
      version: '2',
      effective_from: '2026-06-01T00:00:00Z',
      entries: [entry('late', '2026-09-30'), entry('stays'), entry('gone', '2026-05-31'), entry('soon', '2026-07-02')],
    },
  ],
})
const july = Date.parse('2026-07-01T12:00:00Z')
const found = (at: number, withinDays?: number) =>
  retirements(book, at, withinDays).map(({ entry: { model }, daysLeft }) => [model, daysLeft])

describe('days until a day', () => {
  it.each([
    ['2026-07-01', '2026-07-01T00:00:00Z', 0],
    ['2026-07-01', '2026-07-01T23:59:59.999Z', 0],
    ['2026-07-01', '2026-06-30T23:59:59.999Z', 1],
    ['2026-07-01', '2026-07-02T00:00:00Z', -1],
    ['2028-03-01', '2028-02-28T12:00:00Z', 2],
    // The clocks of some zones change between these; days are those of UTC.
    ['2026-10-26', '2026-10-24T23:30:00Z', 2],
    ['1970-01-01', '1969-12-31T23:59:59.999Z', 1],
  ])('%s from %s are %i', (day, from, days) => {
    expect(daysUntil(day, Date.parse(from))).toBe(days)
  })
})

describe('what is taken out of service', () => {
  it('is what the version in force says, the next first, and what is gone before that', () => {
    expect(found(july, 91)).toEqual([
      ['gone', -31],
      ['soon', 1],
      ['late', 91],
    ])
    expect(found(Date.parse('2026-05-31T00:00:00Z'))).toEqual([['old', 15]])
  })

  it('is within so many days, the last of them included, and ninety where nobody says', () => {
    expect(found(july, 90)).toEqual([
      ['gone', -31],
      ['soon', 1],
    ])
    expect(found(july)).toEqual(found(july, 90))
    expect(found(july + 86_400_000)).toEqual([
      ['gone', -32],
      ['soon', 0],
      ['late', 90],
    ])
    expect(found(july, -1)).toEqual([['gone', -31]])
  })

  it('is nothing before the first version', () => {
    expect(found(0)).toEqual([])
  })
})
