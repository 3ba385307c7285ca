import { describe, expect, test } from 'vitest'
import { defaultPriceBook } from './default-price-book.ts'
import { explain, explanationText } from './explain.ts'
import { PriceBook } from './price-book.ts'
import { rate } from './rate.ts'
import { rerate } from './rerate.ts'
import { at, bookOf, query, seconds, tokens } from './testing/book-of.ts'

test('a plain price is explained from quantity to charge', () => {
  const rating = rate(defaultPriceBook, { service: 'voice_stt', provider: 'deepgram', at }, [seconds('3.2')])
  expect(explanationText(explain(rating))).toBe(
    [
      'voice_stt deepgram at 2026-11-21T12:00:00.000Z by default@1',
      '  3.2 seconds of duration → 4/75 minutes',
      '  4/75 minutes × 8 per 1 minutes → 32/75 credits',
      'the line → 32/75 credits',
      'rounded up to 1, by total → 1 credits',
      'charged 1 credits',
    ].join('\n'),
  )
})

describe('every rule that changed something', () => {
  const book = bookOf({
    rates: [
      {
        unit: 'minutes',
        minimum_quantity: { unit: 'seconds', quantity: '45' },
        increment: { unit: 'seconds', first: '30', next: '30' },
        included: { unit: 'seconds', quantity: '15' },
        tiers: { mode: 'graduated', comparison: 'gt', steps: [{ amount: '10' }, { above: '0.25', amount: '20' }] },
      },
    ],
    windows: [{ name: 'weekend', days: ['sat', 'sun'], factor: '0.5' }],
    multipliers: [{ attribute: 'region', factors: { eu: '1.1' } }],
    connect_fee: '0.3',
    minimum_charge: '7',
    rounding: { mode: 'half_up', step: '0.5', point: 'resource' },
    maximum_charge: { amount: '8', action: 'cap' },
    source: 'a page',
  })
  const rating = rate(book, { ...query, attributes: { region: 'eu' } }, [seconds(40)])

  test('is in the text, in the order in which it was applied', () => {
    expect(explanationText(explain(rating))).toBe(
      [
        'phone p at 2026-11-21T12:00:00.000Z in window weekend by test@1',
        '  40 seconds of duration → 2/3 minutes',
        '  at least 45 seconds → 0.75 minutes',
        '  in increments of 30/30 seconds → 1 minutes',
        '  0.25 minutes of 15 seconds included by request → 0.75 minutes',
        '  tier 0 (graduated): 0.25 minutes × 10 per 1 minutes → 2.5 credits',
        '  tier 1 (graduated above 0.25): 0.5 minutes × 20 per 1 minutes → 10 credits',
        '  window weekend × 0.5 → 6.25 credits',
        '  region eu × 1.1 → 6.875 credits',
        'the line → 6.875 credits',
        'connect fee 0.3 → 7.175 credits',
        'rounded half_up to 0.5, by resource → 7 credits',
        'charged 7 credits',
      ].join('\n'),
    )
  })

  test('is data that survives JSON, and names its version and source', () => {
    const explanation = explain(rating)
    expect(JSON.parse(JSON.stringify(explanation))).toStrictEqual(explanation)
    expect(explanation).toMatchObject({ version: 'test@1', source: 'a page', charged: '7', total: '7' })
    expect(explanation.lines[0]?.steps.map(({ rule }) => rule)).toEqual([
      'usage',
      'minimum_quantity',
      'increment',
      'included',
      'tier',
      'tier',
      'factor',
      'factor',
    ])
    expect(explanation.steps.map(({ rule }) => rule)).toEqual(['lines', 'connect_fee', 'rounding'])
  })

  test('names its meters and its model, sums its lines, and rounds each where the book does', () => {
    const rounded = bookOf({
      model: 'm',
      rates: [
        { unit: 'tokens', meter: 'input', amount: '2.5', per: '10' },
        { unit: 'tokens', amount: '1' },
      ],
      rounding: { mode: 'down', step: '1', point: 'line' },
    })
    const usage = [tokens(6), tokens(3, 'output'), tokens(1, 'reasoning')]
    const explanation = explain(rate(rounded, { ...query, model: 'm' }, usage))
    expect(explanation.model).toBe('m')
    expect(explanation.lines).toMatchObject([
      { meter: 'input', unit: 'tokens', amount: '1' },
      { unit: 'tokens', amount: '4' },
    ])
    expect(explanation.lines.map((line) => 'meter' in line)).toEqual([true, false])
    expect(explanation.lines[0]?.steps.map(({ rule }) => rule)).toEqual(['usage', 'rate', 'rounding'])
    expect(explanationText(explanation)).toBe(
      [
        'phone p m at 2026-11-21T12:00:00.000Z by test@1',
        '  6 tokens of input → 6 tokens',
        '  6 tokens × 2.5 per 10 tokens → 1.5 credits',
        '  rounded down to 1, by line → 1 credits',
        '  3 tokens of output + 1 tokens of reasoning → 4 tokens',
        '  4 tokens × 1 per 1 tokens → 4 credits',
        '  rounded down to 1, by line → 4 credits',
        'the sum of 2 lines → 5 credits',
        'charged 5 credits',
      ].join('\n'),
    )
  })

  test('is left out where it changed nothing, and what is not known is not named', () => {
    const idle = bookOf({
      rates: [
        {
          unit: 'minutes',
          amount: '1',
          minimum_quantity: { quantity: '1' },
          increment: { unit: 'seconds', first: '60', next: '60' },
        },
      ],
      windows: [{ name: 'never', first_day: '2030-01-01', factor: '2' }],
      multipliers: [{ attribute: 'region', factors: { eu: '2' } }],
      connect_fee: '1',
      minimum_charge: '3',
      maximum_charge: { amount: '3', action: 'refuse' },
    })
    const explanation = explain(rate(idle, query, [seconds(120)]))
    expect(explanation.lines[0]?.steps.map(({ rule }) => rule)).toEqual(['usage', 'rate'])
    expect(explanation.steps.map(({ rule }) => rule)).toEqual(['lines', 'connect_fee', 'rounding'])
    for (const field of ['model', 'window', 'source']) expect(explanation).not.toHaveProperty(field)
  })

  test('has the name of its rule', () => {
    const limited = (count: number) => {
      const book = bookOf({
        rates: [{ unit: 'tokens', amount: '5', package: { size: '10', basis: 'period' } }],
        minimum_charge: '6',
        maximum_charge: { amount: '20', action: 'cap' },
      })
      const { lines, steps } = explain(rate(book, query, [tokens(count)]))
      return [...(lines[0]?.steps ?? []), ...steps].map(({ rule }) => rule)
    }
    expect(limited(1)).toEqual(['usage', 'package', 'rate', 'lines', 'minimum_charge', 'rounding'])
    expect(limited(100)).toEqual(['usage', 'package', 'rate', 'lines', 'maximum_charge', 'rounding'])
  })

  test('limits and packages too', () => {
    const limited = bookOf({
      rates: [{ unit: 'tokens', amount: '5', package: { size: '1000' } }],
      minimum_charge: '6',
      maximum_charge: { amount: '20', action: 'cap' },
    })
    const textOf = (count: number) => explanationText(explain(rate(limited, query, [tokens(count)])))
    expect(textOf(10)).toContain('  packages of 1000 tokens, by request → 1 packages\n  1 packages × 5 per package → 5 credits')
    expect(textOf(10)).toContain('minimum charge → 6 credits')
    expect(textOf(10_000)).toContain('maximum charge, instead of 50 → 20 credits')
  })
})

describe('rerate', () => {
  const entries = (amount: string) => [{ service: 'phone', provider: 'p', rates: [{ unit: 'minutes' as const, amount }] }]
  const book = new PriceBook({
    name: 'dated',
    currency: 'credits',
    versions: [
      { version: 'summer', effective_from: '2026-06-01T00:00:00Z', entries: entries('2') },
      { version: 'winter', effective_from: '2026-11-01T00:00:00Z', entries: entries('3') },
    ],
  })
  const rating = rate(book, query, [seconds(60)])

  test('prices the same usage by the version of another day, and names it', () => {
    expect(explain(rating)).toMatchObject({ version: 'dated@winter', charged: '3' })
    expect(explain(rerate(rating, book, Date.parse('2026-07-01T00:00:00Z')))).toMatchObject({
      version: 'dated@summer',
      charged: '2',
      at: '2026-11-21T12:00:00.000Z',
    })
  })

  test('and by another book, from what a usage record keeps', () => {
    const kept = JSON.parse(JSON.stringify({ query, quantities: [{ meter: 'duration', seconds: '60' }] }))
    const quantities = kept.quantities.map(({ seconds: count }: { seconds: string }) => seconds(count))
    expect(explain(rerate({ query: kept.query, quantities }, bookOf({}))).charged).toBe('1')
  })
})
