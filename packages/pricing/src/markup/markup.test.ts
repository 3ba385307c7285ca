import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { checkMargins } from '../margins/check-margins.ts'
import type { PriceBook } from '../price-book.ts'
import { at, bookOf, costOf, type EntryDocument, query, seconds, tokens } from '../testing/book-of.ts'
import { applyMarkup } from './apply-markup.ts'
import type { MarkupDocument } from './markup-document.ts'

function costs(entry: Partial<EntryDocument> = {}): PriceBook {
  return bookOf({ rates: [{ unit: 'minutes', amount: '0.014' }], ...entry }, { currency: 'usd', name: 'costs' })
}

function marked(
  rules: MarkupDocument['rules'],
  entry?: Partial<EntryDocument>,
  facts: Partial<MarkupDocument> = {},
): EntryDocument {
  const book = applyMarkup(costs(entry), { name: 'acme', credit_value_usd: '0.001', rules, ...facts })
  return book.find(query).entry
}

function amountOf(rules: MarkupDocument['rules'], entry?: Partial<EntryDocument>): string | undefined {
  return marked(rules, entry).rates[0]?.amount
}

describe('a price in dollars becomes one in credits', () => {
  test('by the value of a credit alone', () => {
    expect(amountOf([])).toBe('14')
  })

  test('by percent, something fixed, and a discount', () => {
    expect(amountOf([{ percent: '50' }])).toBe('21')
    expect(amountOf([{ fixed: { amount: '0.002', unit: 'minutes' } }])).toBe('16')
    expect(amountOf([{ fixed: { amount: '0.0001', unit: 'seconds' } }])).toBe('20')
    expect(amountOf([{ discount: '10' }])).toBe('12.6')
  })

  test('in one rule by percent, then fixed, then discount; rules in the order in which they are written', () => {
    const percent = { percent: '50' }
    const fixed = { fixed: { amount: '0.001', unit: 'minutes' as const } }
    const discount = { discount: '50' }
    expect(amountOf([{ ...discount, ...fixed, ...percent }])).toBe('11') // (14 × 1.5 + 1) × 0.5
    expect(amountOf([discount, fixed, percent])).toBe('12') // (14 × 0.5 + 1) × 1.5
  })

  test('only where a rule names its service, provider, model or meter', () => {
    const rates = ['input', 'output'].map((meter) => ({ unit: 'tokens' as const, meter, amount: '1', per: '1000' }))
    const entry = { model: 'm', rates }
    const both = (rules: MarkupDocument['rules']) => {
      const book = applyMarkup(costs(entry), { name: 'acme', credit_value_usd: '0.001', rules })
      return book.find({ ...query, model: 'm' }).entry.rates.map(({ amount }) => amount)
    }
    expect(both([{ percent: '10', meters: ['output'] }])).toEqual(['1000', '1100'])
    expect(both([{ percent: '10', services: ['phone'], providers: ['p'], models: ['m'] }])).toEqual(['1100', '1100'])
    for (const elsewhere of [{ services: ['gpt'] }, { providers: ['q'] }, { models: ['n'] }, { meters: ['audio_input'] }]) {
      expect(both([{ percent: '10', ...elsewhere }])).toEqual(['1000', '1000'])
    }
  })

  test('rounded as the last rule that rounds says, or up to the finest that is kept', () => {
    expect(amountOf([{ percent: '33' }, { rounding: { step: '0.5' } }])).toBe('19')
    expect(amountOf([{ percent: '33', rounding: { step: '1', mode: 'down' } }])).toBe('18')
    expect(marked([], undefined, { credit_value_usd: '0.003' }).rates[0]?.amount).toBe('4.666667')
  })
})

test('fees, limits, tiers and windows are marked up too; increments and factors stay', () => {
  const entry = marked([{ percent: '100', fixed: { amount: '0.001' } }], {
    rates: [
      {
        unit: 'minutes',
        increment: { first: '1', next: '1' },
        tiers: { mode: 'graduated', comparison: 'gt', steps: [{ amount: '0.014' }, { above: '60', amount: '0.01' }] },
      },
    ],
    connect_fee: '0.002',
    minimum_charge: '0.02',
    maximum_charge: { amount: '1.0001', action: 'refuse' },
    windows: [
      { name: 'night', until: '06:00', factor: '0.5' },
      { name: 'weekend', days: ['sun'], rates: [{ unit: 'minutes', amount: '0.003' }] },
    ],
  })
  expect(entry).toMatchObject({
    rates: [{ increment: { first: '1', next: '1' }, tiers: { steps: [{ amount: '28' }, { above: '60', amount: '20' }] } }],
    connect_fee: '5',
    minimum_charge: '40',
    maximum_charge: { amount: '2001', action: 'refuse' },
    windows: [{ factor: '0.5' }, { rates: [{ amount: '6' }] }],
    source: 'costs@1, marked up by acme',
  })
})

test.each<[string, MarkupDocument['rules']]>([
  ['a discount of all', [{ discount: '100' }]],
  ['rounding down', [{ rounding: { mode: 'down', step: '100' } }]],
])('what %s gives away has no minimum charge, and keeps a limit', (_, rules) => {
  const limits: Partial<EntryDocument> = { minimum_charge: '0.02', maximum_charge: { amount: '0.05', action: 'cap' } }
  const entry = marked(rules, limits)
  expect(entry).toMatchObject({ rates: [{ amount: '0' }], maximum_charge: { amount: '1', action: 'cap' } })
  expect(entry.minimum_charge).toBeUndefined()
  const book = applyMarkup(costs(limits), { name: 'acme', credit_value_usd: '0.001', rules })
  expect(costOf(book, [seconds(60)])).toBe('0')
})

test('something fixed for each call is a connect fee, also where there was none', () => {
  const book = applyMarkup(costs(), { name: 'acme', credit_value_usd: '0.001', rules: [{ fixed: { amount: '0.01' } }] })
  expect(costOf(book, [seconds(60)])).toBe('24')
})

test('versions keep their dates', () => {
  const versions = ['2025', '2026'].map((year) => ({
    version: year,
    effective_from: `${year}-01-01T00:00:00Z`,
    entries: [{ service: 'phone', provider: 'p', rates: [{ unit: 'minutes' as const, amount: year }] }],
  }))
  const book = applyMarkup(bookOf({}, { currency: 'usd', versions }), { name: 'acme', credit_value_usd: '1', rules: [] })
  expect(costOf(book, [seconds(60)], { at: Date.parse('2025-06-01T00:00:00Z') })).toBe('2025')
  expect(book.versions().map(({ version }) => version)).toEqual(['acme@2025', 'acme@2026'])
})

test('a price of one token keeps its digits, however small it is', () => {
  const book = costs({
    rates: [
      { unit: 'tokens', meter: 'input', amount: '0.00000002' },
      { unit: 'tokens', meter: 'output', amount: '0' },
    ],
  })
  const inDollars = applyMarkup(book, { name: 'acme', credit_value_usd: '1', rules: [{ percent: '50' }] })
  expect(costOf(inDollars, [tokens(1_000_000)])).toBe('0.03')
  const inThirds = applyMarkup(book, { name: 'acme', credit_value_usd: '3', rules: [] })
  expect(costOf(inThirds, [tokens(1_000_000), tokens(1, 'output')])).toBe('0.00666667')
})

test('a markup without a discount never sells below cost', () => {
  const amount = fc.integer({ min: 1, max: 10_000_000 }).map((value) => `${value / 1_000}`)
  fc.assert(
    fc.property(amount, amount, fc.constantFrom('1', '1000', '1000000'), amount, (price, value, per, percent) => {
      const book = costs({ rates: [{ unit: 'tokens', amount: price, per }] })
      const sold = applyMarkup(book, { name: 'acme', credit_value_usd: value, rules: [{ percent }] })
      const { rows } = checkMargins(sold, book, { creditValueUsd: value, at })
      expect(rows.map(({ status }) => status)).toEqual(['covered'])
      expect(Number(costOf(sold, [tokens(1_000_000)]).split('/')[0])).toBeGreaterThan(0)
    }),
  )
})

test.each<[string, MarkupDocument]>([
  [
    'rules.0.discount: must be from "0" to "100", received "120"',
    { name: 'acme', credit_value_usd: '1', rules: [{ discount: '120' }] },
  ],
  [
    'rules.0: does nothing: give percent, fixed, discount or rounding',
    { name: 'acme', credit_value_usd: '1', rules: [{ services: ['gpt'] }] },
  ],
  [
    'rules.1.fixed.unit: is missing: a rule for meters adds nothing to a call as a whole',
    {
      name: 'acme',
      credit_value_usd: '1',
      rules: [{ percent: '1' }, { meters: ['input'], percent: '1', fixed: { amount: '1' } }],
    },
  ],
  ['credit_value_usd: must be a plain decimal above 0', { name: 'acme', credit_value_usd: '0', rules: [] }],
])('%s', (problem, markup) => {
  expect(() => applyMarkup(costs(), markup)).toThrow(problem)
})

test('a book in credits is not marked up', () => {
  expect(() => applyMarkup(bookOf({}), { name: 'acme', credit_value_usd: '1', rules: [] })).toThrow(
    'a cost book is in usd, test is in credits',
  )
})
