import { credits, formatCredits, formatUsd, InvalidQuantityError, microUnits, quantity, type UsageQuantity } from '@farebox/core'
import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { defaultCostBook } from './default-cost-book.ts'
import { defaultPriceBook } from './default-price-book.ts'
import { PriceNotFoundError } from './errors.ts'
import { estimate } from './estimate.ts'
import { rate, rateEntry, rateIfPriced, roundUp, totalQuantity } from './rate.ts'
import { creditsOf, nanoUsdOf } from './rating.ts'
import { rationalText } from './rational.ts'
import { bookOf, costOf, type EntryDocument, query } from './testing/book-of.ts'

const at = Date.parse('2026-11-21T00:00:00Z')

function tokens(count: number, meter = 'input'): UsageQuantity {
  return { meter, quantity: quantity(count), unit: 'tokens' }
}
const phone = {
  service: 'phone',
  provider: 'twilio',
  quantities: [{ meter: 'duration', quantity: quantity(5), unit: 'minutes' as const }],
}

test('where it is nothing unusual that a unit has no price, none is told, and else the same as always', () => {
  const plain = { service: 'gpt', provider: 'gpt-4o-mini', at }
  const priced = defaultCostBook.lookUp(plain)
  const called = { service: phone.service, provider: phone.provider, at, to: '+14155550100' }
  const calls = defaultCostBook.lookUp(called)
  if (!priced || !calls) throw new Error('both have prices')
  const seconds: UsageQuantity = { meter: 'duration', quantity: quantity(5), unit: 'seconds' }
  for (const [price, query, usage] of [
    [priced, plain, tokens(1_000)],
    [calls, called, seconds],
  ] as const) {
    expect(rateIfPriced(price, query, [usage])?.total).toEqual(rateEntry(price, query, [usage]).total)
    const unknown: UsageQuantity = { meter: 'images', quantity: quantity(1), unit: 'images' }
    expect(rateIfPriced(price, query, [usage, unknown])).toBeUndefined()
    expect(() => rateEntry(price, query, [usage, unknown])).toThrow(PriceNotFoundError)
  }
})

test('only the want of a price is passed over: what else goes wrong is told', () => {
  const increment = { first: '1', next: '1' }
  const plain: EntryDocument['rates'] = [{ unit: 'minutes', amount: '1' }]
  const ruled: EntryDocument['rates'] = [{ unit: 'minutes', amount: '1', increment }]
  const broken = (error: Error): UsageQuantity => ({
    meter: 'duration',
    unit: 'minutes',
    get quantity(): never {
      throw error
    },
  })
  for (const rates of [plain, ruled]) {
    const price = bookOf({ rates }).find(query)
    for (const error of [new Error('no memory'), new InvalidQuantityError('no quantity')]) {
      expect(() => rateIfPriced(price, query, [broken(error)])).toThrow(error)
    }
    expect(rateIfPriced(price, query, [])?.total.numerator).toBe(0n)
    // What was not used needs no price.
    expect(rateIfPriced(price, query, [tokens(0)])?.total.numerator).toBe(0n)
    expect(rateIfPriced(price, query, [tokens(1)])).toBeUndefined()
  }
})

test('the tier of a whole request is reached by what it measures, in its own unit alone', () => {
  const steps = [{ amount: '1' }, { above: '10', amount: '2' }, { above: '20', amount: '3' }]
  const book = (comparison: 'gt' | 'gte') =>
    bookOf({
      rates: [{ unit: 'tokens', tiers: { mode: 'whole_request', comparison, measured: ['input', 'cached_input'], steps } }],
    })
  const costs = (comparison: 'gt' | 'gte', ...usage: UsageQuantity[]) => costOf(book(comparison), usage)
  expect([0, 10, 11, 20, 21].map((count) => costs('gt', tokens(count)))).toEqual(['0', '10', '22', '40', '63'])
  expect([9, 10, 19, 20].map((count) => costs('gte', tokens(count)))).toEqual(['9', '20', '38', '60'])
  expect(costs('gt', tokens(10), tokens(1, 'cached_input'))).toBe('22')
  expect(costs('gt', tokens(10), tokens(100, 'output'))).toBe('110')
  const images: UsageQuantity = { meter: 'input', quantity: quantity(0), unit: 'images' }
  expect(costs('gt', { ...tokens(10), quantity: microUnits(10_000_001n) }, images)).toBe('20.000002')
})

test('a receipt line of nothing counts nothing', () => {
  expect(totalQuantity([])).toBeUndefined()
})

describe('the contract totals', () => {
  test.each([
    ['103', [phone, { service: 'gpt', provider: 'gpt-4o-mini', quantities: [tokens(3_000)] }]],
    [
      '33',
      [
        {
          service: 'voice_stt',
          provider: 'openai-whisper',
          quantities: [{ meter: 'duration', quantity: quantity(2), unit: 'minutes' as const }],
        },
        { service: 'gpt', provider: 'gpt-4o', quantities: [tokens(1_500)] },
        {
          service: 'voice_tts',
          provider: 'elevenlabs',
          quantities: [{ meter: 'characters', quantity: quantity(450), unit: 'characters' as const }],
        },
      ],
    ],
    [
      '121',
      [
        phone,
        { service: 'gpt', provider: 'gpt-4o', quantities: [tokens(2_500)] },
        {
          service: 'voice_tts',
          provider: 'openai-tts',
          quantities: [{ meter: 'characters', quantity: quantity(800), unit: 'characters' as const }],
        },
      ],
    ],
    [
      '19',
      [
        {
          service: 'voice_stt',
          provider: 'deepgram',
          quantities: [{ meter: 'duration', quantity: quantity(2), unit: 'minutes' as const }],
        },
        { service: 'gpt', provider: 'gpt-4o-mini', quantities: [tokens(1_800)] },
        {
          service: 'voice_tts',
          provider: 'cartesia',
          quantities: [{ meter: 'characters', quantity: quantity(600), unit: 'characters' as const }],
        },
      ],
    ],
  ])('%s credits', (total, planned) => {
    expect(formatCredits(estimate(defaultPriceBook, planned, at).total)).toBe(total)
  })
})

test('seconds are priced by a rate per minute without rounding', () => {
  const usage = [{ meter: 'duration', quantity: quantity('3.2'), unit: 'seconds' as const }]
  const rating = rate(defaultPriceBook, { service: 'voice_stt', provider: 'deepgram', at }, usage)
  expect(rationalText(rating.total)).toBe('32/75')
  expect(formatCredits(creditsOf(rating))).toBe('0.426667')
})

test('a phone call costs us whole minutes, and its customer the seconds', () => {
  const usage = [{ meter: 'duration', quantity: quantity(61), unit: 'seconds' as const }]
  const query = { service: 'phone', provider: 'twilio', at }
  expect(formatUsd(nanoUsdOf(rate(defaultCostBook, query, usage)))).toBe('0.028')
  expect(formatCredits(roundUp(creditsOf(rate(defaultPriceBook, query, usage))))).toBe('21')
})

test('cached input costs us less than input', () => {
  const query = { service: 'gpt', provider: 'gpt-4o-mini', at }
  const cost = rate(defaultCostBook, query, [tokens(1_000_000), tokens(1_000_000, 'cached_input'), tokens(1_000_000, 'output')])
  expect(formatUsd(nanoUsdOf(cost))).toBe('0.825')
})

test.each([
  [{ service: 'gpt', provider: 'gpt-9' }, [tokens(1)], ['gpt-4', 'gpt-4o', 'gpt-4o-mini', 'claude-3-haiku']],
  [{ service: 'voice_tts', provider: 'openai-tts' }, [tokens(1)], ['characters']],
  [{ service: 'holograms', provider: 'gpt-4o' }, [tokens(1)], ['voice_tts', 'gpt', 'voice_stt', 'phone', 'vision']],
])('an unknown price is an error that names the nearest, never zero: %j', (query, usage, nearest) => {
  const found = () => rate(defaultPriceBook, { ...query, at }, usage)
  expect(found).toThrow(PriceNotFoundError)
  expect(found).toThrow(expect.objectContaining({ nearest }))
})

test('a time before the first version has no price', () => {
  expect(() => rate(defaultPriceBook, { service: 'gpt', provider: 'gpt-4o', at: 0 }, [tokens(1)])).toThrow('no version in force')
})

test('splitting usage anywhere gives the same exact total, and more usage never costs less', () => {
  const query = { service: 'gpt', provider: 'gpt-4o', at }
  fc.assert(
    fc.property(fc.nat(1_000_000), fc.nat(1_000_000), (a, b) => {
      const whole = creditsOf(rate(defaultPriceBook, query, [tokens(a + b)]))
      expect(creditsOf(rate(defaultPriceBook, query, [tokens(a), tokens(b)]))).toBe(whole)
      expect(whole >= creditsOf(rate(defaultPriceBook, query, [tokens(a)]))).toBe(true)
    }),
  )
})

test('a receipt line counts what has the unit of the first quantity', () => {
  expect(totalQuantity([tokens(10), tokens(5, 'output'), phone.quantities[0] as UsageQuantity])).toEqual({
    quantity: quantity(15),
    unit: 'tokens',
  })
})

test('rounding up leaves whole credits alone', () => {
  expect(roundUp(credits('0.9'))).toBe(credits(1))
  expect(roundUp(credits(3))).toBe(credits(3))
  expect(roundUp(credits(0))).toBe(0n)
})
