import { countCharacters, quantity, type UsageQuantity } from '@farebox/core'
import { describe, expect, test } from 'vitest'
import { rate } from '../rate.ts'
import { type Rational, rationalText } from '../rational.ts'
import { billedQuantities } from '../rerate.ts'
import { at, bookOf, costOf, type EntryDocument, query, type RateDocument, seconds, tokens } from '../testing/book-of.ts'

const perMinute: RateDocument = { unit: 'minutes', amount: '6' }
const perToken: RateDocument = { unit: 'tokens', amount: '1' }

function rateBook(rule: Partial<RateDocument>) {
  const { amount: _, ...tiered } = perToken
  return bookOf({ rates: [{ ...(rule.tiers ? tiered : perToken), ...rule }] })
}

describe('an increment bills at least the first, then whole next ones', () => {
  test.each([
    [
      '60',
      '60',
      [
        [0, '0'],
        [1, '6'],
        [60, '6'],
        [61, '12'],
        [120, '12'],
      ],
    ],
    [
      '30',
      '6',
      [
        [1, '3'],
        [30, '3'],
        [31, '3.6'],
        [36, '3.6'],
        [37, '4.2'],
      ],
    ],
    [
      '1',
      '1',
      [
        ['0.2', '0.1'],
        ['1.000001', '0.2'],
      ],
    ],
  ] as const)('%s/%s seconds', (first, next, expected) => {
    const book = bookOf({ rates: [{ ...perMinute, increment: { unit: 'seconds', first, next } }] })
    for (const [used, cost] of expected) expect(costOf(book, [seconds(used)])).toBe(cost)
  })

  test('once for a call, however many quantities it is reported in', () => {
    const book = bookOf({ rates: [{ ...perMinute, increment: { first: '1', next: '1' } }] })
    expect(costOf(book, [seconds(20), seconds(20), { ...seconds(0), quantity: quantity('0.25'), unit: 'minutes' }])).toBe('6')
  })
})

test('a minimum quantity is what a call that used anything is billed at least, before increments', () => {
  const minimum = bookOf({ rates: [{ ...perMinute, minimum_quantity: { unit: 'seconds', quantity: '10' } }] })
  expect([0, 3, 10, 20].map((used) => costOf(minimum, [seconds(used)]))).toEqual(['0', '1', '1', '2'])
  const both = bookOf({
    rates: [
      {
        ...perMinute,
        minimum_quantity: { unit: 'seconds', quantity: '10' },
        increment: { unit: 'seconds', first: '6', next: '6' },
      },
    ],
  })
  expect(costOf(both, [seconds(3)])).toBe('1.2')
})

test('included units are free by request, or by period until they are used up', () => {
  const byRequest = rateBook({ included: { quantity: '100' } })
  expect([50, 100, 130].map((used) => costOf(byRequest, [tokens(used)]))).toEqual(['0', '0', '30'])
  const byPeriod = rateBook({ included: { quantity: '100', basis: 'period' } })
  expect([0, 80, 100, 500].map((used) => costOf(byPeriod, [tokens(50)], { usedBefore: [tokens(used)] }))).toEqual([
    '0',
    '30',
    '50',
    '50',
  ])
})

test('a started package is a whole one, by request or by period', () => {
  const byRequest = rateBook({ package: { size: '1000' } })
  expect([0, 1, 1_000, 1_001].map((used) => costOf(byRequest, [tokens(used)]))).toEqual(['0', '1', '1', '2'])
  expect(costOf(byRequest, [tokens(200)], { usedBefore: [tokens(400)] })).toBe('1')
  const byPeriod = rateBook({ package: { size: '1000', basis: 'period' } })
  expect([0, 400, 900, 1_000].map((used) => costOf(byPeriod, [tokens(200)], { usedBefore: [tokens(used)] }))).toEqual([
    '1',
    '0',
    '1',
    '1',
  ])
})

describe('tiers', () => {
  test('of a whole request are reached by characters as their rate counts them', () => {
    const counted = (counting: 'utf8_bytes' | 'code_points') =>
      bookOf({
        rates: [
          {
            unit: 'characters',
            meter: 'characters',
            counting,
            tiers: {
              mode: 'whole_request',
              comparison: 'gt',
              measured: ['characters'],
              steps: [{ amount: '1' }, { above: '10', amount: '3' }],
            },
          },
        ],
      })
    const text = (count: number, bytes: number) => ({
      meter: 'characters',
      unit: 'characters' as const,
      quantity: quantity(count),
      counts: { code_points: quantity(count), utf8_bytes: quantity(bytes) },
    })
    expect(costOf(counted('utf8_bytes'), [text(6, 10)])).toBe('10')
    expect(costOf(counted('utf8_bytes'), [text(6, 12)])).toBe('36')
    expect(costOf(counted('code_points'), [text(6, 12)])).toBe('6')
  })

  const steps = [{ amount: '10' }, { above: '100', amount: '5' }, { above: '200', amount: '1' }]

  test('graduated: each unit at the price of its own tier', () => {
    const book = rateBook({ tiers: { mode: 'graduated', comparison: 'gt', steps } })
    expect([50, 100, 101, 250].map((used) => costOf(book, [tokens(used)]))).toEqual(['500', '1000', '1005', '1550'])
  })

  test('volume: every unit at the price of the tier that is reached, and the comparison says when', () => {
    const gt = rateBook({ tiers: { mode: 'volume', comparison: 'gt', steps } })
    const gte = rateBook({ tiers: { mode: 'volume', comparison: 'gte', steps } })
    expect([99, 100, 101].map((used) => costOf(gt, [tokens(used)]))).toEqual(['990', '1000', '505'])
    expect([99, 100, 101].map((used) => costOf(gte, [tokens(used)]))).toEqual(['990', '500', '505'])
  })

  test('graduated by period begins where the period is', () => {
    const book = rateBook({ tiers: { mode: 'graduated', basis: 'period', comparison: 'gt', steps } })
    expect(costOf(book, [tokens(60)], { usedBefore: [tokens(70)] })).toBe(String(30 * 10 + 30 * 5))
  })

  test('volume by period prices the whole period again when a tier is reached', () => {
    const book = rateBook({ tiers: { mode: 'volume', basis: 'period', comparison: 'gt', steps } })
    expect(costOf(book, [tokens(90)])).toBe('900')
    expect(costOf(book, [tokens(20)], { usedBefore: [tokens(90)] })).toBe(String(110 * 5 - 900))
    expect(costOf(book, [tokens(20)], { usedBefore: [tokens(110)] })).toBe('100')
  })

  test('whole_request: what some meters of the request reach together prices each of its meters', () => {
    const tiers = (low: string, high: string) => ({
      mode: 'whole_request' as const,
      comparison: 'gt' as const,
      measured: ['input', 'cached_input'],
      steps: [{ amount: low }, { above: '200000', amount: high }],
    })
    const book = bookOf({
      rates: [
        { unit: 'tokens', meter: 'input', per: '1000000', tiers: tiers('1.25', '2.50') },
        { unit: 'tokens', meter: 'cached_input', per: '1000000', tiers: tiers('0.31', '0.625') },
        { unit: 'tokens', meter: 'output', per: '1000000', tiers: tiers('10', '15') },
      ],
    })
    const usage = (input: number) => [tokens(input), tokens(100_000, 'cached_input'), tokens(2_000, 'output')]
    expect(costOf(book, usage(100_000))).toBe('0.176') // 0.125 + 0.031 + 0.02
    expect(costOf(book, usage(100_001))).toBe('0.3425025') // 0.2500025 + 0.0625 + 0.03
  })

  test('what is included does not use up a tier', () => {
    const book = rateBook({
      included: { quantity: '100', basis: 'period' },
      tiers: { mode: 'graduated', basis: 'period', comparison: 'gt', steps },
    })
    expect(costOf(book, [tokens(150)])).toBe('500')
    expect(costOf(book, [tokens(100)], { usedBefore: [tokens(150)] })).toBe(String(50 * 10 + 50 * 5))
  })
})

test('what a call was billed for is what the next call of the period has before it', () => {
  const rates: RateDocument[] = [
    { ...perMinute, increment: { first: '1', next: '1' }, included: { quantity: '3', basis: 'period' } },
  ]
  const book = bookOf({ rates })
  let usedBefore: UsageQuantity[] = []
  const costs = [61, 10, 10, 119].map((used) => {
    const rating = rate(book, { ...query, usedBefore }, [seconds(used)])
    usedBefore = [...usedBefore, ...billedQuantities(rating)]
    return costOf(book, [seconds(used)], { usedBefore: rating.query.usedBefore })
  })
  expect(costs).toEqual(['0', '0', '6', '12'])
})

describe('a call', () => {
  const entry: Partial<EntryDocument> = {
    rates: [perMinute],
    connect_fee: '2',
    minimum_charge: '5',
    maximum_charge: { amount: '100', action: 'cap' },
  }

  test('costs its connect fee once, its minimum at least and its maximum at most', () => {
    const book = bookOf(entry)
    expect([6, 60, 120, 600, 6_000].map((used) => costOf(book, [seconds(used)]))).toEqual(['5', '8', '14', '62', '100'])
  })

  test('that used nothing costs nothing', () => {
    expect(costOf(bookOf(entry), [seconds(0)])).toBe('0')
    expect(costOf(bookOf(entry), [])).toBe('0')
  })
})

describe('windows', () => {
  const night: EntryDocument['windows'] = [
    { name: 'holidays', zone: 'Europe/Berlin', first_day: '2026-12-24', last_day: '2026-12-26', factor: '0' },
    { name: 'night', zone: 'Europe/Berlin', days: ['fri', 'sat'], from: '22:00', until: '06:00', factor: '0.5' },
    { name: 'sunday', zone: 'Europe/Berlin', days: ['sun'], rates: [{ unit: 'minutes', amount: '2' }] },
  ]
  const book = bookOf({ rates: [perMinute], windows: night })
  const costAt = (moment: string) => costOf(book, [seconds(60)], { at: Date.parse(moment) })

  test.each([
    ['2026-11-20T21:59:00+01:00', '6', 'Friday before it begins'],
    ['2026-11-20T22:00:00+01:00', '3', 'Friday'],
    ['2026-11-21T05:59:00+01:00', '3', 'the night that began on Friday'],
    ['2026-11-21T06:00:00+01:00', '6', 'its end'],
    ['2026-11-22T05:59:00+01:00', '3', 'the night that began on Saturday, before Sunday is looked at'],
    ['2026-11-22T12:00:00+01:00', '2', 'Sunday has its own rates'],
    ['2026-11-23T00:00:00+01:00', '6', 'Monday'],
    ['2026-12-25T12:00:00+01:00', '0', 'a holiday, free because that is written'],
    ['2026-12-27T00:00:00+01:00', '3', 'after the last day: a night that began on Saturday'],
  ])('%s costs %s: %s', (moment, cost) => {
    expect(costAt(moment)).toBe(cost)
  })

  test('follow the clocks of their zone when they change', () => {
    const early = bookOf({
      rates: [perMinute],
      windows: [{ name: 'early', zone: 'America/New_York', from: '01:00', until: '03:00', factor: '0.5' }],
    })
    const cost = (moment: string) => costOf(early, [seconds(60)], { at: Date.parse(moment) })
    // 2026-03-08: at 02:00 EST it becomes 03:00 EDT. The window is one hour long.
    expect(cost('2026-03-08T06:00:00Z')).toBe('3')
    expect(cost('2026-03-08T06:59:59Z')).toBe('3')
    expect(cost('2026-03-08T07:00:00Z')).toBe('6')
    // 2026-11-01: at 02:00 EDT it becomes 01:00 EST again. The window is three hours long.
    expect(cost('2026-11-01T04:59:59Z')).toBe('6')
    expect(cost('2026-11-01T05:00:00Z')).toBe('3')
    expect(cost('2026-11-01T07:59:59Z')).toBe('3')
    expect(cost('2026-11-01T08:00:00Z')).toBe('6')
  })
})

describe('multipliers', () => {
  const book = bookOf({
    rates: [
      { unit: 'tokens', meter: 'input', amount: '1' },
      { unit: 'tokens', meter: 'output', amount: '4' },
    ],
    multipliers: [
      { attribute: 'region', factors: { us: '1', eu: '1.1' } },
      { attribute: 'service_tier', factors: { batch: '0.5', priority: '2' }, meters: ['output'] },
    ],
  })
  const usage = [tokens(100), tokens(100, 'output')]

  test('multiply what they are for, and each other', () => {
    expect(costOf(book, usage)).toBe('500')
    expect(costOf(book, usage, { attributes: { region: 'eu' } })).toBe('550')
    expect(costOf(book, usage, { attributes: { service_tier: 'batch' } })).toBe('300')
    expect(costOf(book, usage, { attributes: { region: 'eu', service_tier: 'batch', colour: 'red' } })).toBe('330')
  })

  test('a value that is not listed has no price', () => {
    expect(() => costOf(book, usage, { attributes: { region: 'mars' } })).toThrow('has no factor for region mars')
    expect(() => costOf(book, usage, { attributes: { region: 'constructor' } })).toThrow('it has us, eu')
  })
})

describe('characters', () => {
  test.each([
    ['Hello', 5, 5, 5],
    ['é', 1, 1, 2],
    ['e\u0301', 2, 2, 3],
    ['😀', 1, 2, 4],
    ['日本', 2, 2, 6],
  ])('%s', (text, points, units, bytes) => {
    expect((['code_points', 'utf16_units', 'utf8_bytes'] as const).map((counting) => countCharacters(text, counting))).toEqual([
      points,
      units,
      bytes,
    ])
  })

  test('are counted as the price says, and a count that the usage lacks is not guessed', () => {
    const book = bookOf({ rates: [{ unit: 'characters', amount: '1', counting: 'utf8_bytes' }] })
    const usage = { meter: 'characters', unit: 'characters' as const, quantity: quantity(1) }
    expect(costOf(book, [{ ...usage, counts: { code_points: quantity(1), utf8_bytes: quantity(4) } }])).toBe('4')
    expect(() => costOf(book, [usage])).toThrow('counts characters as utf8_bytes, which the usage does not say')
  })
})

describe('rounding', () => {
  const twoLines: Partial<EntryDocument> = {
    rates: [
      { unit: 'tokens', meter: 'input', amount: '0.25' },
      { unit: 'tokens', meter: 'output', amount: '0.5' },
    ],
  }
  const usage = [tokens(5), tokens(5, 'output')] // 1.25 + 2.5

  test.each([
    ['up', 'line', '5'],
    ['down', 'line', '3'],
    ['half_up', 'line', '4'],
    ['half_even', 'line', '3'],
    ['up', 'resource', '4'],
    ['down', 'resource', '3'],
    ['up', 'total', '3.75'],
  ] as const)('%s by %s', (mode, point, cost) => {
    expect(costOf(bookOf({ ...twoLines, rounding: { mode, step: '1', point } }), usage)).toBe(cost)
  })

  test('an entry may round otherwise than its book', () => {
    const book = bookOf(
      { ...twoLines, rounding: { step: '0.5', point: 'resource' } },
      { rounding: { step: '1', point: 'resource' } },
    )
    expect(costOf(book, usage)).toBe('4')
    expect(rate(book, { ...query, at }, usage).rounding.step).toBe('0.5')
  })
})

test('rules apply in the order that is documented', () => {
  const book = bookOf({
    rates: [
      {
        unit: 'minutes',
        minimum_quantity: { unit: 'seconds', quantity: '45' },
        increment: { unit: 'seconds', first: '30', next: '30' }, // 60 s
        included: { unit: 'seconds', quantity: '30' }, // 30 s are paid
        tiers: { mode: 'graduated', comparison: 'gt', steps: [{ amount: '10' }, { above: '0.25', amount: '20' }] }, // 2.5 + 5
      },
    ],
    windows: [{ name: 'always', factor: '0.5' }], // 3.75
    multipliers: [{ attribute: 'region', factors: { eu: '1.1' } }], // 4.125
    connect_fee: '0.3', // 4.425
    minimum_charge: '4.43', // 4.43
    rounding: { mode: 'up', step: '0.5', point: 'resource' }, // 4.5
    maximum_charge: { amount: '5', action: 'cap' },
  })
  const call = rate(book, { ...query, attributes: { region: 'eu' } }, [seconds(40)]).call
  expect([call.lines[0]?.amount, call.connectFee, call.raisedTo, call.roundedTo].map(text)).toEqual([
    '4.125',
    '0.3',
    '4.43',
    '4.5',
  ])
  expect([call.beforeMaximum, call.total].map(text)).toEqual(['absent', '4.5'])
})

function text(value: Rational | undefined): string {
  return value ? rationalText(value) : 'absent'
}
