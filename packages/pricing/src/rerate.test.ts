import { quantity, type UsageQuantity } from '@farebox/core'
import { describe, expect, test } from 'vitest'
import { PriceNotFoundError } from './errors.ts'
import { rate, rateIfPriced } from './rate.ts'
import { rationalText } from './rational.ts'
import { billedQuantities, rateDifference } from './rerate.ts'
import { bookOf, costOf, query, seconds, tokens } from './testing/book-of.ts'

describe('the slices of a call', () => {
  test('pay the connect fee once, with the first of them', () => {
    const book = bookOf({ rates: [{ unit: 'minutes', meter: 'duration', amount: '6' }], connect_fee: '2' })
    const slice = (before: UsageQuantity[], added: UsageQuantity[]) =>
      rationalText(rateDifference(book, query, { before, added }).total)
    expect(slice([], [seconds(30)])).toBe('5')
    expect(slice([seconds(30)], [seconds(10)])).toBe('1')
    expect(slice([seconds(30), seconds(10)], [seconds(20)])).toBe('2')
  })

  test('may cost nothing, or less than nothing where more costs less', () => {
    const book = bookOf({
      rates: [
        {
          unit: 'tokens',
          meter: 'input',
          tiers: { mode: 'volume', comparison: 'gt', steps: [{ amount: '10' }, { above: '100', amount: '5' }] },
        },
      ],
    })
    const { total, whole } = rateDifference(book, query, { before: [tokens(100)], added: [tokens(1)] })
    expect(rationalText(total)).toBe(String(101 * 5 - 1_000))
    expect(rationalText(whole.total)).toBe('505')
  })
})

describe('what a call was billed for', () => {
  const billed = (entry: Parameters<typeof bookOf>[0], usage: UsageQuantity[]) =>
    billedQuantities(rate(bookOf(entry), query, usage))

  test('is in seconds where the price is by the minute, with what its increment adds', () => {
    const byMinute = { unit: 'minutes' as const, meter: 'duration', amount: '1' }
    expect(billed({ rates: [byMinute] }, [seconds(61)])).toEqual([seconds(61)])
    expect(billed({ rates: [{ ...byMinute, increment: { first: '1', next: '1' } }] }, [seconds(61)])).toEqual([seconds(120)])
  })

  test('is counted as its price counts', () => {
    const usage = { meter: 'characters', quantity: quantity(5), unit: 'characters' as const, counts: { utf8_bytes: quantity(6) } }
    const book = { rates: [{ unit: 'characters' as const, amount: '1', counting: 'utf8_bytes' as const }] }
    expect(billed(book, [usage])).toEqual([{ ...usage, quantity: quantity(6) }])
    expect(billed({ rates: [{ unit: 'tokens', meter: 'input', amount: '1' }] }, [tokens(3)])).toEqual([tokens(3)])
  })

  test('is nothing of a rate of which nothing was used', () => {
    const rates = ['input', 'output'].map((meter) => ({ unit: 'tokens' as const, meter, amount: '1' }))
    expect(billed({ rates, minimum_charge: '9' }, [tokens(3, 'output')])).toEqual([tokens(3, 'output')])
  })
})

describe('a tier of a whole request', () => {
  const steps = [{ amount: '10' }, { above: '100', amount: '5' }]
  const tiers = { mode: 'whole_request' as const, comparison: 'gte' as const, measured: ['input'], steps }

  test('is reached by exactly as much as it says, and counted in its own unit alone', () => {
    const rates = [
      { unit: 'tokens' as const, meter: 'input', tiers },
      { unit: 'seconds' as const, meter: 'input', amount: '1' },
    ]
    const book = bookOf({ rates })
    expect([0, 99, 100, 101].map((count) => costOf(book, [tokens(count)]))).toEqual(['0', '990', '500', '505'])
    expect(costOf(book, [tokens(99), { ...seconds(1), meter: 'input' }])).toBe('991')
  })
})

describe('a call whose unit has no price', () => {
  const ruled = { rates: [{ unit: 'minutes' as const, meter: 'duration', amount: '1' }], connect_fee: '2' }

  test.each([
    ['by price and quantity alone', { rates: ruled.rates }],
    ['with rules', ruled],
  ])('is told from one that costs nothing: %s', (_, entry) => {
    const book = bookOf(entry)
    const priced = book.find(query)
    expect(rateIfPriced(priced, query, [tokens(1)])).toBeUndefined()
    expect(() => rate(book, query, [tokens(1)])).toThrow(PriceNotFoundError)
    expect(rateIfPriced(priced, query, [seconds(60)])?.total).toEqual(rate(book, query, [seconds(60)]).total)
    // Nothing of it is nothing to be priced.
    expect(rateIfPriced(priced, query, [seconds(60), tokens(0)])?.total).toEqual(rate(book, query, [seconds(60)]).total)
  })
})
