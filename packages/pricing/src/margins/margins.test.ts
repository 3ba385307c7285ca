import { quantity } from '@farebox/core'
import { describe, expect, test } from 'vitest'
import { defaultPriceBook } from '../default-price-book.ts'
import { PriceBook } from '../price-book.ts'
import { at, bookOf, type EntryDocument, tokens } from '../testing/book-of.ts'
import { checkMargins, type MarginRow } from './check-margins.ts'
import { checkWorkflowMargin } from './check-workflow-margin.ts'

const options = { creditValueUsd: '0.001', at }
const sourced = { source: 'a page', confidence: 'official' as const }

function check(price: Partial<EntryDocument>, cost: Partial<EntryDocument>): MarginRow[] {
  return checkMargins(bookOf(price), bookOf({ ...sourced, ...cost }, { currency: 'usd', name: 'costs' }), options).rows
}

describe('a rate', () => {
  test('is compared in dollars for an ordinary call, minutes with seconds too', () => {
    const rows = check({ rates: [{ unit: 'minutes', amount: '20' }] }, { rates: [{ unit: 'seconds', amount: '0.0002' }] })
    expect(rows).toEqual([
      {
        status: 'covered',
        service: 'phone',
        provider: 'p',
        unit: 'minutes',
        quantity: '5',
        soldUsd: '0.1',
        costUsd: '0.06',
        marginPercent: '40',
        isWeak: false,
        confidence: 'official',
        source: 'a page',
      },
    ])
  })

  test('sold below cost is said what it would have to cost', () => {
    const rows = check(
      { rates: [{ unit: 'tokens', amount: '8', per: '1000' }] },
      { rates: [{ unit: 'tokens', amount: '10', per: '1000000' }] },
    )
    expect(rows[0]).toMatchObject({ status: 'below_cost', soldUsd: '0.008', costUsd: '0.01', marginPercent: '-25' })
    expect(rows[0]?.breakEven).toEqual({ credits: '10', per: '1000', unit: 'tokens' })
  })

  test('is covered at the price that it would have to cost, where that is no decimal either', () => {
    const dear = { rates: [{ unit: 'minutes' as const, amount: '1' }] }
    const thirds = { ...options, creditValueUsd: '0.003' }
    const costs = bookOf({ ...sourced, ...dear }, { currency: 'usd', name: 'costs' })
    const [row] = checkMargins(bookOf({ rates: [{ unit: 'minutes', amount: '300' }] }), costs, thirds).rows
    expect(row?.breakEven).toEqual({ credits: '333.333333334', per: '1', unit: 'minutes' })
    const raised = bookOf({ rates: [{ unit: 'minutes', amount: row?.breakEven?.credits ?? '' }] })
    expect(checkMargins(raised, costs, thirds).rows).toMatchObject([{ status: 'covered' }])
  })

  test('of calls between some numbers is compared with what these cost, and with no others', () => {
    const row = (amount: string, to?: string[], from?: string[]): EntryDocument => ({
      service: 'phone',
      provider: 'p',
      rates: [{ unit: 'minutes', amount }],
      ...(to && { to }),
      ...(from && { from }),
    })
    const deck = (currency: 'usd' | 'credits', entries: EntryDocument[]) => {
      const versions = [{ version: '1', effective_from: '2020-01-01T00:00:00Z', entries }]
      return new PriceBook({ name: currency, currency, versions })
    }
    const costs = deck('usd', [
      row('0.2', ['+43', '+4420']),
      row('0.02', ['+43'], ['+43', '+49']),
      row('0.01', ['+1', '+44']),
      row('9'),
    ])
    const rowsOf = (...entries: EntryDocument[]) =>
      checkMargins(deck('credits', entries), costs, options).rows.map(
        ({ status, soldUsd, costUsd }) => `${status} ${soldUsd} ${costUsd}`,
      )
    expect(rowsOf(row('300', ['+43']), row('30', ['+43'], ['+43', '+49']), row('20', ['+1']))).toEqual([
      'covered 1.5 1',
      'covered 0.15 0.1',
      'covered 0.1 0.05',
    ])
    // A price of several numbers, of which some cost more.
    expect(rowsOf(row('20', ['+1', '+44']))).toEqual(['below_cost 0.1 1', 'covered 0.1 0.05'])
    expect(rowsOf(row('30', ['+43'], ['+4930']), row('20'))).toEqual([
      'covered 0.15 0.1',
      'below_cost 0.1 1',
      'covered 0.1 0.1',
      'covered 0.1 0.05',
      'below_cost 0.1 45',
    ])
    expect(rowsOf(row('20', ['+7']))).toEqual(['below_cost 0.1 45'])
    // A model whose calls to some numbers cost more.
    const voice = (entry: EntryDocument) => ({ ...entry, model: 'voice' })
    const byModel = deck('usd', [row('0.01'), row('0.5', ['+44'])].map(voice))
    const sold = checkMargins(deck('credits', [voice(row('20'))]), byModel, options)
    expect(sold.rows.map(({ status, costUsd }) => `${status} ${costUsd}`)).toEqual(['covered 0.05', 'below_cost 2.5'])
  })

  test('is compared for each meter that the cost tells apart', () => {
    const cost = (meter: string, amount: string) => ({ unit: 'tokens' as const, meter, amount, per: '1000' })
    const rows = check(
      { rates: [{ unit: 'tokens', amount: '2', per: '1000' }] },
      { rates: [cost('input', '0.001'), cost('output', '0.004')] },
    )
    expect(rows.map(({ meter, status }) => `${meter} ${status}`)).toEqual(['input covered', 'output below_cost'])
  })

  test('that only loses on calls of some size says which', () => {
    const increment = { unit: 'seconds' as const, first: '60', next: '60' }
    const rows = check(
      { rates: [{ unit: 'minutes', amount: '20' }] },
      { rates: [{ unit: 'minutes', amount: '0.014', increment }] },
    )
    expect(rows[0]).toMatchObject({ status: 'below_cost_for_some', quantity: '0.016667', costUsd: '0.014' })
  })

  test('whose cost is in another unit is not compared, and one without a cost is not free of it', () => {
    const characters = { rates: [{ unit: 'characters' as const, amount: '1' }] }
    expect(check(characters, { rates: [{ unit: 'tokens', amount: '1' }] })[0]).toMatchObject({
      status: 'not_comparable',
      costUnits: ['tokens'],
    })
    expect(check(characters, { provider: 'another' })[0]).toMatchObject({ status: 'no_cost' })
  })

  test.each([
    [{ confidence: 'official' as const }, false],
    [{ confidence: 'sources_agree' as const }, false],
    [{ confidence: 'single_source' as const }, true],
    [{ confidence: 'weak' as const }, true],
    [{ confidence: undefined }, true],
    [{ source: undefined }, true],
  ])('with a cost of %j is weak: %s', (facts, isWeak) => {
    expect(check({}, facts)[0]).toMatchObject({ isWeak })
  })

  test('without a model is compared with every model of its provider', () => {
    const entries = ['large', 'small'].map((model, index) => ({
      service: 'phone',
      provider: 'p',
      model,
      rates: [{ unit: 'minutes' as const, amount: index === 0 ? '1' : '0.0001' }],
    }))
    const versions = [{ version: '1', effective_from: '2020-01-01T00:00:00Z', entries }]
    const rows = checkMargins(bookOf({}), bookOf({}, { currency: 'usd', versions }), options).rows
    expect(rows.map(({ model, status }) => `${model} ${status}`)).toEqual(['large below_cost', 'small covered'])
  })

  test('without a model is not compared with models that have a price of their own', () => {
    const minute = (amount: string, names: object = {}) => ({
      service: 'phone',
      provider: 'p',
      rates: [{ unit: 'minutes' as const, amount }],
      ...names,
    })
    const versions = (...entries: ReturnType<typeof minute>[]) => [
      { version: '1', effective_from: '2020-01-01T00:00:00Z', entries },
    ]
    const large = { model: 'large', aliases: ['huge', 'large-*'] }
    const costs = bookOf({}, { currency: 'usd', versions: versions(minute('0.001'), minute('0.1', large)) })
    const models = (...entries: ReturnType<typeof minute>[]) =>
      checkMargins(bookOf({}, { versions: versions(...entries) }), costs, options).rows.map(
        ({ model, soldUsd, status }) => `${model} ${soldUsd} ${status}`,
      )
    expect(models(minute('2'), minute('200', large))).toEqual(['undefined 0.01 covered', 'large 1 covered'])
    // Its other names would still be sold at the price of all others.
    expect(models(minute('2'), minute('200', { model: 'large' }))).toEqual([
      'undefined 0.01 covered',
      'large 0.01 below_cost',
      'large 1 covered',
    ])
  })
})

test('the default book sells speech far below what it costs', () => {
  const cost = bookOf(
    {
      service: 'voice_tts',
      provider: 'openai-tts',
      model: 'tts-1',
      rates: [{ unit: 'characters', amount: '15', per: '1000000' }],
      ...sourced,
    },
    { currency: 'usd' },
  )
  const speech = checkMargins(defaultPriceBook, cost, options).rows.find(({ provider }) => provider === 'openai-tts')
  expect(speech).toMatchObject({ status: 'below_cost', soldUsd: '0.001', costUsd: '0.015', marginPercent: '-1400' })
  expect(speech?.breakEven).toEqual({ credits: '0.015', per: '1', unit: 'characters' })
})

describe('a workflow', () => {
  const costs = bookOf({ ...sourced, rates: [{ unit: 'minutes', amount: '0.014' }] }, { currency: 'usd', name: 'costs' })
  const prices = bookOf({ rates: [{ unit: 'minutes', amount: '20' }] })
  const call = (count: number) => ({
    service: 'phone',
    provider: 'p',
    quantities: [{ meter: 'duration', quantity: quantity(count), unit: 'minutes' as const }],
  })

  test('brings in its credits, and costs what its calls cost', () => {
    expect(checkWorkflowMargin(prices, costs, [call(5), call(1)], options)).toEqual({
      credits: '120',
      soldUsd: '0.12',
      costUsd: '0.084',
      marginPercent: '30',
      isBelowCost: false,
      calls: [
        { service: 'phone', provider: 'p', credits: '100', soldUsd: '0.1', costUsd: '0.07' },
        { service: 'phone', provider: 'p', credits: '20', soldUsd: '0.02', costUsd: '0.014' },
      ],
      withoutCost: [],
    })
  })

  test('has no margin while a cost is unknown', () => {
    const chat = { service: 'gpt', provider: 'gpt-4o-mini', quantities: [tokens(3_000)] }
    const margin = checkWorkflowMargin(defaultPriceBook, costs, [chat], options)
    expect(margin).toMatchObject({ credits: '3', costUsd: '0', withoutCost: ['gpt gpt-4o-mini'] })
    expect(margin.marginPercent).toBeUndefined()
  })
})

test('nothing is compared at a time that no version covers', () => {
  expect(() => checkMargins(bookOf({}), bookOf({}, { currency: 'usd' }), { ...options, at: 0 })).toThrow(
    'test has no version in force',
  )
})

test('books in the wrong place, and values that are none, are refused', () => {
  expect(() => checkMargins(bookOf({}), bookOf({}), options)).toThrow('costs must be a book in usd, test is in credits')
  expect(() => checkMargins(bookOf({}), bookOf({}, { currency: 'usd' }), { ...options, creditValueUsd: '0' })).toThrow(
    'received "0"',
  )
})
