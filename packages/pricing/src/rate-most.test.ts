import { microUnits, quantity, type UsageQuantity } from '@farebox/core'
import fc from 'fast-check'
import { describe, expect, onTestFinished, test, vi } from 'vitest'
import { PricedEntry } from './priced-entry.ts'
import { rate } from './rate.ts'
import { rateMost } from './rate-most.ts'
import { compare, rationalText } from './rational.ts'
import { bookOf, type EntryDocument, query, type RateDocument, seconds, tokens } from './testing/book-of.ts'

const most = (entry: Partial<EntryDocument>, quantities: UsageQuantity[], otherMeters = {}) =>
  rationalText(rateMost(bookOf(entry), query, quantities, otherMeters).total)

describe('the most that a call can come to', () => {
  const rates = (prices: Record<string, string>): RateDocument[] =>
    Object.entries(prices).map(([meter, amount]) => ({ unit: 'tokens', meter, amount }))
  const others = { input: ['cached_input', 'cache_write'], output: ['reasoning'] }
  const usage = [tokens(10), tokens(5, 'output')]

  test.each<[string, RateDocument[], string]>([
    ['what a cache is given is dearer', rates({ input: '2', cached_input: '1', cache_write: '3', output: '4' }), '50'],
    ['what a cache had is dearer', rates({ input: '2', cached_input: '5', cache_write: '3', output: '4' }), '70'],
    ['reasoning is dearer too', rates({ input: '2', cache_write: '3', output: '4', reasoning: '6' }), '60'],
    ['it has no price, and is passed over', rates({ input: '2', output: '4' }), '40'],
    ['one price is for all that are not named', [...rates({ input: '2', output: '4' }), { unit: 'tokens', amount: '7' }], '105'],
    ['one price is for all', [{ unit: 'tokens', amount: '7' }], '105'],
  ])('counts on the dearest of the meters that it may be counted by, where %s', (_, given, total) => {
    expect(most({ rates: given }, usage, others)).toBe(total)
  })

  test.each([
    ['gt', {}, 120, '30'],
    ['gt', {}, 200, '100/3'],
    ['gt', { included: { unit: 'seconds', quantity: '30' } }, 120, '30'],
    ['gte', { increment: { unit: 'seconds', first: '30', next: '6' } }, 120, '27'],
    ['gt', { increment: { unit: 'seconds', first: '50', next: '50' } }, 90, '25'],
  ] as const)('counts on the end of a tier that is dearer: %s, %j, %d seconds', (comparison, rules, used, total) => {
    const steps = [{ amount: '30' }, { above: '1', amount: '10' }]
    const tiers = { mode: 'volume' as const, comparison, steps }
    expect(most({ rates: [{ unit: 'minutes', ...rules, tiers }] }, [seconds(used)])).toBe(total)
  })

  test('counts on the end of a tier in the unit that is used, and in the characters that are billed', () => {
    const steps = [{ amount: '30' }, { above: '1', amount: '10' }]
    const tiers = { mode: 'whole_request' as const, comparison: 'gt' as const, measured: ['duration'], steps }
    expect(most({ rates: [{ unit: 'minutes', meter: 'duration', tiers }] }, [seconds(120)])).toBe('30')
    const bytes = {
      unit: 'characters',
      counting: 'utf8_bytes',
      tiers: { ...tiers, mode: 'volume', measured: undefined },
    } as const
    const text = { meter: 'characters', unit: 'characters' as const, quantity: quantity(2), counts: { utf8_bytes: quantity(4) } }
    expect(most({ rates: [bytes] }, [{ ...text, quantity: quantity(1), counts: { utf8_bytes: quantity(2) } }])).toBe('30')
    expect(most({ rates: [{ ...bytes, tiers: { ...bytes.tiers, comparison: 'gte' } }] }, [text])).toBe('40')
  })

  test('counts on the rest by another meter, where a tier of the first ends', () => {
    const steps = [{ amount: '30' }, { above: '100', amount: '10' }]
    const given: RateDocument[] = [
      { unit: 'tokens', meter: 'input', tiers: { mode: 'volume', comparison: 'gt', steps } },
      ...rates({ cached_input: '8', output: '1' }),
    ]
    expect(most({ rates: given }, [tokens(200)], others)).toBe(String(100 * 30 + 100 * 8))
  })

  test('counts on the end of a tier, also where other meters have none', () => {
    const steps = [{ amount: '3' }, { above: '100', amount: '1' }]
    const given: RateDocument[] = [
      { unit: 'tokens', meter: 'input', tiers: { mode: 'whole_request', comparison: 'gt', measured: ['input'], steps } },
      ...rates({ output: '2' }),
    ]
    expect(most({ rates: given }, [tokens(150), tokens(5, 'output')])).toBe(String(100 * 3 + 5 * 2))
  })

  test('counts on any part of a call that stays within a tier that all of it leaves, not only on its input', () => {
    const whole = (first: string, more: string): RateDocument['tiers'] => ({
      mode: 'whole_request',
      comparison: 'gte',
      measured: ['input', 'output'],
      steps: [{ amount: first }, { above: '10', amount: more }],
    })
    const given: RateDocument[] = [
      { unit: 'tokens', meter: 'input', tiers: whole('1', '0.5') },
      { unit: 'tokens', meter: 'output', tiers: whole('7', '0') },
    ]
    const onePart = quantity('9.999999')
    expect(most({ rates: given }, [tokens(20), tokens(20, 'output')])).toBe('69.999993')
    expect(most({ rates: given }, [tokens(20, 'output'), tokens(20)])).toBe('69.999993')
    expect(most({ rates: given }, [{ ...tokens(1, 'output'), quantity: onePart }, tokens(20)])).toBe('69.999993')
  })

  test('is looked for once at each end of a tier, however many meters reach it together', () => {
    const ratings = vi.spyOn(PricedEntry.prototype, 'plainRates')
    onTestFinished(() => ratings.mockRestore())
    const meters = ['input', 'output', 'audio', 'cached_input', 'cache_write', 'reasoning']
    const steps = [{ amount: '9' }, { above: '100', amount: '7' }, { above: '200', amount: '5' }, { above: '300', amount: '3' }]
    const rates = meters.map((meter): RateDocument => {
      return { unit: 'tokens', meter, tiers: { mode: 'whole_request', comparison: 'gte', measured: meters, steps } }
    })
    const used = meters.slice(0, 3).map((meter) => tokens(400, meter))
    const given = { input: meters.slice(3), output: meters.slice(3) }
    expect(most({ rates }, used, given)).toBe('3600')
    expect(ratings.mock.calls.length).toBeLessThan(1_000)
  })

  test.each<[string, Partial<EntryDocument>, string]>([
    ['rounded', { rounding: { step: '1', point: 'line' } }, '2'],
    ['raised', {}, '10.02'],
  ])('counts on a little of another meter, which is %s by itself', (what, rule, total) => {
    const cached = what === 'raised' ? { minimum_quantity: { quantity: '1000' } } : {}
    const given: RateDocument[] = [
      { unit: 'tokens', meter: 'input', amount: '0.01' },
      { unit: 'tokens', meter: 'cached_input', amount: '0.01', ...cached },
    ]
    expect(most({ rates: given, ...rule }, [tokens(3)], others)).toBe(total)
  })

  test('without a price is an error', () => {
    expect(() => most({ rates: rates({ output: '1' }) }, [tokens(1)], others)).toThrow('has no rate for tokens of input')
  })
})

const price = fc.integer({ min: 0, max: 1_000 }).map((value) => `${value / 100}`)
const small = fc.integer({ min: 1, max: 40 }).map(String)
const volume = fc
  .record({
    comparison: fc.constantFrom('gt' as const, 'gte' as const),
    limits: fc.uniqueArray(fc.integer({ min: 1, max: 120 }), { minLength: 1, maxLength: 3 }),
    amounts: fc.array(price, { minLength: 4, maxLength: 4 }),
  })
  .map(({ limits, amounts, comparison }) => ({
    mode: 'volume' as const,
    comparison,
    steps: [
      { amount: amounts[0] ?? '1' },
      ...limits.sort((a, b) => a - b).map((above, index) => ({ above: String(above), amount: amounts[index + 1] ?? '1' })),
    ],
  }))
const rules = fc.record(
  {
    minimum_quantity: small.map((least) => ({ quantity: least })),
    increment: fc.record({ first: small, next: small }),
    included: small.map((free) => ({ quantity: free })),
  },
  { requiredKeys: [] },
)
const anyRate = fc.oneof(
  fc.record({ amount: price }).map((plain): RateDocument => ({ unit: 'tokens', ...plain })),
  fc.tuple(rules, price).map(([more, amount]): RateDocument => ({ unit: 'tokens', amount, ...more })),
  fc.tuple(rules, volume).map(([more, tiers]): RateDocument => ({ unit: 'tokens', tiers, ...more })),
)
const anyEntry = fc.record(
  {
    rates: fc.tuple(anyRate, anyRate, anyRate, anyRate).map(([input, cached, write, output]): RateDocument[] => [
      { ...input, meter: 'input' },
      { ...cached, meter: 'cached_input' },
      { ...write, meter: 'cache_write' },
      { ...output, meter: 'output' },
    ]),
    connect_fee: price,
    minimum_charge: small,
    rounding: fc.constantFrom({ step: '1', point: 'resource' as const }, { step: '1', point: 'total' as const }),
  },
  { requiredKeys: ['rates'] },
)
const wholeRequests = fc.tuple(volume, volume, volume, volume).map((all) => {
  const inputs = ['input', 'cached_input', 'cache_write']
  return all.map((tiers, index): RateDocument => {
    const whole = { ...tiers, mode: 'whole_request' as const, measured: inputs }
    return { unit: 'tokens', meter: inputs[index] ?? 'output', tiers: whole }
  })
})
const micros = fc.bigInt({ min: 0n, max: 150_000_000n })

test('no call that uses less, or counts its input by another meter, costs more than the most', () => {
  const whole = fc.integer({ min: 0, max: 150 }).map((count) => quantity(count))
  const used = fc.oneof(micros.map(microUnits), whole)
  const meter = fc.constantFrom('input', 'cached_input', 'cache_write')
  fc.assert(
    fc.property(anyEntry, used, used, used, used, meter, (entry, input, output, lessInput, lessOutput, countedBy) => {
      const book = bookOf(entry)
      const of = (name: string, count: bigint) => ({ meter: name, unit: 'tokens' as const, quantity: microUnits(count) })
      const held = rateMost(book, query, [of('input', input), of('output', output)], { input: ['cached_input', 'cache_write'] })
      const least = (a: bigint, b: bigint) => (a < b ? a : b)
      const call = [of(countedBy, least(input, lessInput)), of('output', least(output, lessOutput))]
      expect(compare(rate(book, query, call).total, held.total)).toBeLessThanOrEqual(0)
    }),
    { numRuns: 1_000 },
  )
})

test('no division of the input among its meters costs more than the most, where all of it chooses the tier', () => {
  const count = fc.integer({ min: 0, max: 150 })
  fc.assert(
    fc.property(wholeRequests, count, count, count, count, (rates, cached, written, plain, output) => {
      const book = bookOf({ rates })
      const call = [tokens(plain), tokens(cached, 'cached_input'), tokens(written, 'cache_write'), tokens(output, 'output')]
      const most = [tokens(plain + cached + written), tokens(output, 'output')]
      const held = rateMost(book, query, most, { input: ['cached_input', 'cache_write'] })
      expect(compare(rate(book, query, call).total, held.total)).toBeLessThanOrEqual(0)
    }),
    { numRuns: 500 },
  )
})

test('no part of a call costs more than the most, where input and output together choose the tier', () => {
  const count = fc.integer({ min: 0, max: 150 })
  const both = fc.tuple(volume, volume).map((all) =>
    all.map((tiers, index): RateDocument => {
      const measured = ['input', 'output']
      return { unit: 'tokens', meter: measured[index], tiers: { ...tiers, mode: 'whole_request' as const, measured } }
    }),
  )
  fc.assert(
    fc.property(both, count, count, count, count, (rates, input, output, unusedInput, unusedOutput) => {
      const book = bookOf({ rates })
      const held = rateMost(book, query, [tokens(input + unusedInput), tokens(output + unusedOutput, 'output')])
      const call = [tokens(input), tokens(output, 'output')]
      expect(compare(rate(book, query, call).total, held.total)).toBeLessThanOrEqual(0)
    }),
    { numRuns: 500 },
  )
})
