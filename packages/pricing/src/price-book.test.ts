import { isFareboxError } from '@farebox/core'
import { describe, expect, test } from 'vitest'
import { defaultCostBook } from './default-cost-book.ts'
import type { PriceBookDocument } from './document/price-book-document.ts'
import { InvalidPriceBookError, PriceNotFoundError, type PriceQuery } from './errors.ts'
import { estimate } from './estimate.ts'
import { PriceBook } from './price-book.ts'
import { rate } from './rate.ts'
import { chargeOf, creditsOf, nanoUsdOf, refuseAboveMaximum } from './rating.ts'
import { bookOf, type EntryDocument, query as phoneQuery, type RateDocument, seconds } from './testing/book-of.ts'

const at = Date.parse('2026-11-21T00:00:00Z')

function documentOf(entries: EntryDocument[] = [entry('1')]): PriceBookDocument {
  return {
    name: 'test',
    currency: 'credits',
    versions: [
      { version: 'a', effective_from: '2026-01-01T00:00:00Z', effective_until: '2026-06-01T00:00:00Z', entries },
      { version: 'b', effective_from: '2026-06-01T00:00:00Z', entries: [entry('2')] },
    ],
  }
}

function entry(amount: string, names: Partial<EntryDocument> = {}): EntryDocument {
  return { service: 'gpt', provider: 'm', rates: [{ unit: 'tokens', amount }], ...names }
}

function problemsOf(document: unknown): string[] {
  try {
    new PriceBook(document as PriceBookDocument)
  } catch (error) {
    if (error instanceof InvalidPriceBookError) return error.message.replace('price book test: ', '').split('; ')
    throw error
  }
  return []
}

describe('dates', () => {
  test('what is in force is listed with its version; before the first version there is nothing, under the name of the book', () => {
    const prices = new PriceBook(documentOf())
    expect(prices.entries(at)).toMatchObject({ version: 'test@b', entries: [{ provider: 'm', rates: [{ amount: '2' }] }] })
    expect(prices.pricedEntries(at)).toMatchObject([{ entry: { provider: 'm' } }])
    const before = Date.parse('2025-12-31T23:59:59Z')
    expect(prices.entries(before)).toEqual({ version: 'test', entries: [] })
    expect(prices.pricedEntries(before)).toEqual([])
  })

  test('a lookup in a currency finds the book of that currency, and says which one the book has', () => {
    const prices = new PriceBook(documentOf())
    const query = { service: 'gpt', provider: 'm', at }
    expect(prices.find({ ...query, currency: 'credits' }).entry.rates).toMatchObject([{ amount: '2' }])
    expect(prices.lookUp({ ...query, currency: 'usd' })).toBeUndefined()
    expect(() => prices.find({ ...query, currency: 'usd' })).toThrow('has no price in usd')
  })

  test('a lookup finds the version in force at its time', () => {
    const prices = new PriceBook(documentOf())
    const amountAt = (moment: string) =>
      prices.find({ service: 'gpt', provider: 'm', at: Date.parse(moment) }).entry.rates[0]?.amount
    expect(amountAt('2026-05-31T23:59:59Z')).toBe('1')
    expect(amountAt('2026-06-01T00:00:00Z')).toBe('2')
    expect(prices.versions()).toEqual([
      { version: 'test@a', from: Date.parse('2026-01-01T00:00:00Z'), until: Date.parse('2026-06-01T00:00:00Z') },
      { version: 'test@b', from: Date.parse('2026-06-01T00:00:00Z'), until: undefined },
    ])
  })

  test.each<[string, (versions: PriceBookDocument['versions']) => unknown]>([
    [
      'version a, effective_until: leaves a gap before version b: must be 2026-06-01T00:00:00Z, received 2026-05-01T00:00:00Z',
      (versions) => Object.assign(versions[0] ?? {}, { effective_until: '2026-05-01T00:00:00Z' }),
    ],
    [
      'version a, effective_until: overlaps version b: must be 2026-06-01T00:00:00Z, received 2026-07-01T00:00:00Z',
      (versions) => Object.assign(versions[0] ?? {}, { effective_until: '2026-07-01T00:00:00Z' }),
    ],
    [
      'version b, effective_until: the last version has no end: remove it, or add the version that follows',
      (versions) => Object.assign(versions[1] ?? {}, { effective_until: '2027-07-01T00:00:00Z' }),
    ],
    ['version a, version: there are two of this name', (versions) => Object.assign(versions[1] ?? {}, { version: 'a' })],
    [
      'version b, effective_from: must be a moment with its offset, such as "2026-11-01T00:00:00Z", received "2026-06-01"',
      (versions) => Object.assign(versions[1] ?? {}, { effective_from: '2026-06-01' }),
    ],
  ])('%s', (problem, change) => {
    const document = documentOf()
    change(document.versions)
    expect(problemsOf(document)).toContain(problem)
  })

  test('versions are in the order of their dates', () => {
    const document = documentOf()
    document.versions.reverse()
    expect(problemsOf(document)[0]).toMatch(/^version a, effective_from: must be after version b, which begins at 2026-06-01/)
    const together = documentOf()
    for (const version of together.versions) Object.assign(version, { effective_from: '2026-06-01T00:00:00Z' })
    expect(problemsOf(together)[0]).toMatch(/^version b, effective_from: must be after version a, which begins at 2026-06-01/)
  })
})

describe('what is wrong is named with its row, its field and what would be right', () => {
  const volume = tiered({}).rates[0]?.tiers
  const nights = { name: 'nights', from: '20:00', factor: '0.5' }
  const unknownFactors =
    'cannot go with volume tiers by period, which price earlier calls again without knowing their factors: use graduated'

  test.each<[string, EntryDocument]>([
    ['version a, gpt m, rate 0, amount: must be a plain decimal in quotes, such as "0.15", received "1e3"', entry('1e3')],
    ['version a, gpt m, rate 0, amount: is missing: write "0" for what is free, or give tiers', withRate({ amount: undefined })],
    ['version a, gpt m: there is no field margin: remove it, or correct its name', { ...entry('1'), margin: 1 } as never],
    [
      'version a, gpt m x, rate 0, per: must be a plain decimal above 0 in quotes, such as "60", received "0"',
      withRate({ per: '0' }, 'x'),
    ],
    [
      'version a, gpt m, rate 0, increment.unit: seconds cannot be counted in tokens',
      withRate({ increment: { unit: 'seconds', first: '1', next: '1' } }),
    ],
    ['version a, gpt m, rate 0, counting: only characters are counted, the unit is tokens', withRate({ counting: 'utf8_bytes' })],
    [
      'version a, gpt m, rate 0, per: amount is the price of one package: remove per, and set package.size',
      withRate({ per: '2', package: { size: '2' } }),
    ],
    [
      'version a, gpt m, rate 0, tiers.steps.2.above: must be above 5, where the tier before begins, received 5',
      tiered({ steps: [{ amount: '1' }, { above: '5', amount: '2' }, { above: '5', amount: '3' }] }),
    ],
    [
      'version a, gpt m, rate 0, tiers.steps.0.above: the first tier begins at 0: remove it',
      tiered({
        steps: [
          { above: '0', amount: '1' },
          { above: '5', amount: '2' },
        ],
      }),
    ],
    [
      'version a, gpt m, rate 0, tiers.measured: is missing: name the meters whose sum chooses the tier',
      tiered({ mode: 'whole_request' }),
    ],
    [
      'version a, gpt m, rate 0, tiers.basis: whole_request looks at one request: use volume for a period',
      tiered({ mode: 'whole_request', measured: ['input'], basis: 'period' }),
    ],
    [
      "version a, gpt m, rate 0, tiers.measured: is for whole_request only: volume measures the rate's own quantity",
      tiered({ measured: ['input'] }),
    ],
    [
      'version a, gpt m, rate 0, tiers.steps.2.above: is missing: only the first tier has none',
      tiered({ steps: [{ amount: '1' }, { above: '5', amount: '2' }, { amount: '3' }] }),
    ],
    ['version a, gpt m, rate 0, amount: there are tiers as well: keep one of the two', withRate({ tiers: volume })],
    [
      'version a, gpt m, rate 0, package: cannot go with tiers: keep one of the two',
      withRate({ amount: undefined, tiers: volume, package: { size: '2' } }),
    ],
    [
      `version a, gpt m, windows: ${unknownFactors}`,
      { ...tiered({ basis: 'period' }), windows: [{ name: 'w', from: '20:00', factor: '1' }] },
    ],
    [
      `version a, gpt m, multipliers: ${unknownFactors}`,
      { ...tiered({ basis: 'period' }), multipliers: [{ attribute: 'batch', factors: { yes: '0.5' } }] },
    ],
    [
      `version a, gpt m, windows: ${unknownFactors}`,
      entry('1', { windows: [{ name: 'w', from: '20:00', rates: tiered({ basis: 'period' }).rates }] }),
    ],
    [
      'version a, gpt m, windows.0.last_day: must not be before first_day, which is 2026-12-26, received 2026-12-24',
      entry('1', { windows: [{ name: 'w', first_day: '2026-12-26', last_day: '2026-12-24', factor: '1' }] }),
    ],
    [
      'version a, gpt m, windows.0.rates.0.amount: is missing: write "0" for what is free, or give tiers',
      entry('1', { windows: [{ name: 'w', from: '20:00', rates: [{ unit: 'tokens' }] }] }),
    ],
    [
      'version a, gpt m, windows.0.rates.1.meter: tokens is priced by rate 0 already',
      entry('1', { windows: [{ name: 'w', from: '20:00', rates: [...entry('1').rates, ...entry('2').rates] }] }),
    ],
    [
      'version a, gpt m, windows.0.zone: must be UTC or an IANA zone such as Europe/Berlin, received "Berlin"',
      entry('1', { windows: [{ name: 'w', zone: 'Berlin', factor: '1' }] }),
    ],
    ['version a, gpt m, windows.0.factor: give a factor or rates, and not both', entry('1', { windows: [{ name: 'w' }] })],
    [
      'version a, gpt m, windows.0.until: must differ from `from`, which is 08:00 too',
      entry('1', { windows: [{ name: 'w', from: '08:00', until: '08:00', factor: '1' }] }),
    ],
    [
      'version a, gpt m, multipliers.0.meters: no rate is for meter output: add one, or remove it',
      entry('1', { multipliers: [{ attribute: 'batch', factors: { yes: '0.5' }, meters: ['output'] }] }),
    ],
    [
      'version a, gpt m, maximum_charge.amount: must not be below minimum_charge, which is 5, received 4',
      entry('1', { minimum_charge: '5', maximum_charge: { amount: '4', action: 'cap' } }),
    ],
    [
      'version a, gpt m, maximum_charge.amount: must be a whole number of the rounding step, 1, received 4.5',
      entry('1', { maximum_charge: { amount: '4.5', action: 'cap' } }),
    ],
    [
      'version a, gpt m, rounding.step: must be a whole number of 0.000001 credits, received 0.0000001',
      entry('1', { rounding: { step: '0.0000001', point: 'line' } }),
    ],
    ['version a, gpt m, aliases: a * stands at the end of the beginning of a name, received "*"', entry('1', { aliases: ['*'] })],
    [
      'version a, gpt m, to.0: must be the beginning of a number in E.164, such as "+44", received "44"',
      entry('1', { to: ['44'] }),
    ],
    [
      'version a, gpt m, aliases: a * stands at the end of the beginning of a name, received "a*b"',
      entry('1', { aliases: ['a*b'] }),
    ],
  ])('%s', (problem, row) => {
    expect(problemsOf(documentOf([row]))).toEqual([problem])
  })

  test.each<[string, EntryDocument]>([
    ['windows beside graduated tiers by period', { ...tiered({ mode: 'graduated', basis: 'period' }), windows: [nights] }],
    ['windows beside volume tiers by request', { ...tiered({}), windows: [nights] }],
    ['volume tiers by period alone', tiered({ basis: 'period' })],
    ['a window of one day', entry('1', { windows: [{ ...nights, first_day: '2026-12-24', last_day: '2026-12-24' }] })],
    [
      'a maximum in whole steps of its own rounding',
      entry('1', { maximum_charge: { amount: '4.5', action: 'cap' }, rounding: { step: '0.5', point: 'resource' } }),
    ],
    ['a maximum that is the minimum', entry('1', { minimum_charge: '2', maximum_charge: { amount: '2', action: 'cap' } })],
  ])('and %s are not wrong', (_, row) => {
    expect(problemsOf(documentOf([row]))).toEqual([])
  })

  test('the rounding of the book is checked like that of an entry, and maxima are in its steps', () => {
    const rounding = (step: string) => ({ step, point: 'total' as const })
    expect(problemsOf({ ...documentOf(), rounding: rounding('0.0000001') })).toEqual([
      'rounding.step: must be a whole number of 0.000001 credits, received 0.0000001',
    ])
    const costs = { ...documentOf(), currency: 'usd' as const }
    expect(problemsOf({ ...costs, rounding: rounding('0.000000001') })).toEqual([])
    expect(problemsOf({ ...costs, rounding: rounding('0.0000000001') })).toEqual([
      'rounding.step: must be a whole number of 0.000000001 usd, received 0.0000000001',
    ])
    const capped = documentOf([entry('1', { maximum_charge: { amount: '5', action: 'cap' } })])
    expect(problemsOf({ ...capped, rounding: rounding('2') })).toEqual([
      'version a, gpt m, maximum_charge.amount: must be a whole number of the rounding step, 2, received 5',
    ])
  })

  test('a name may be priced once: as a model, an alias, or a number', () => {
    const twice = (...rows: EntryDocument[]) => problemsOf(documentOf(rows))
    expect(twice(entry('1'), entry('2'))).toEqual(['version a, gpt m, provider: m is priced twice, also by gpt m: keep one'])
    expect(twice(entry('1', { model: 'x' }), entry('2', { model: 'y', aliases: ['x'] }))).toEqual([
      'version a, gpt m y, aliases: x is priced twice, also by gpt m x: keep one',
    ])
    expect(twice(entry('1', { to: ['+44', '+1'] }), entry('2', { to: ['+1'] }))).toEqual([
      'version a, gpt m, provider: m to +1 is priced twice, also by gpt m: keep one',
    ])
    expect(twice(entry('1', { to: ['+44'] }), entry('2', { to: ['+1'] }), entry('3'))).toEqual([])
    const named = (provider: string, model: string, to: string) => entry('1', { provider, model, aliases: ['z'], to: [to] })
    expect(twice(entry('1'), named('m', 'm', '+44'), named('n', 'm', '+44'), named('o', 'x', '+1'))).toEqual([])
    const minutes = [{ unit: 'minutes', amount: '1' } as const, { unit: 'seconds', amount: '1' } as const]
    expect(twice(entry('1', { rates: minutes }))).toEqual([
      'version a, gpt m, rate 1, meter: seconds is priced by rate 0 already',
    ])
  })

  test('everything at once, as data', () => {
    const document = documentOf([entry('-1'), entry('1', { provider: 'n', rates: [{ unit: 'token' as 'tokens', amount: '1' }] })])
    expect(() => new PriceBook(document)).toThrow(
      expect.objectContaining({
        code: 'INVALID_PRICE_BOOK',
        problems: [
          expect.objectContaining({ version: 'a', service: 'gpt', provider: 'm', rate: 0, field: 'amount' }),
          expect.objectContaining({ version: 'a', service: 'gpt', provider: 'n', rate: 0, field: 'unit' }),
        ],
      }),
    )
  })
})

test.each([
  [null, 'price book without a name: Invalid input: expected object, received null'],
  ['prices.json', 'price book without a name: Invalid input: expected object, received string, received "prices.json"'],
  [[], 'price book without a name: Invalid input: expected object, received array'],
  [{ name: 'ours', read: 'prices.json' }, 'price book ours: currency: '],
])('what is no document is said to be none: %j', (document, message) => {
  const made = () => new PriceBook(document as unknown as PriceBookDocument)
  expect(made).toThrow(InvalidPriceBookError)
  expect(made).toThrow(message)
})

test('what is no moment has no price', () => {
  const find = () => bookOf({}).find({ ...phoneQuery, at: Number.NaN })
  expect(find).toThrow(PriceNotFoundError)
  expect(find).toThrow('price book test has no version in force for phone p at NaN')
})

test('a book is frozen to its leaves, and shares nothing with its document', () => {
  const document = documentOf()
  const book = new PriceBook(document)
  const amount = () => book.find({ service: 'gpt', provider: 'm', at }).entry.rates[0]?.amount
  Object.assign(document.versions[1]?.entries[0]?.rates[0] ?? {}, { amount: '0' })
  expect(amount()).toBe('2')
  const found = book.find({ service: 'gpt', provider: 'm', at }).entry
  expect(() => Object.assign(found.rates[0] ?? {}, { amount: '0' })).toThrow(TypeError)
  expect(() => Object.assign(book.document.versions, [])).not.toThrow()
  expect(() => (book.document.versions as unknown[]).push({})).toThrow(TypeError)
})

describe('names', () => {
  const row = (amount: string, names: Partial<EntryDocument>) => entry(amount, { provider: 'anthropic', ...names })
  const book = bookFrom([
    row('1', { model: 'haiku', aliases: ['haiku-20240307', 'haiku-*'] }),
    row('2', { model: 'haiku-4', aliases: ['haiku-4-*'] }),
    entry('3', { provider: 'gpt-4o', aliases: ['gpt-4o-2024-08-06', 'chatgpt-*'] }),
    row('4', { model: 'opus' }),
  ])
  const amountOf = (facts: Partial<PriceQuery>) =>
    book.find({ service: 'gpt', provider: 'anthropic', at, ...facts }).entry.rates[0]?.amount

  test.each([
    ['haiku', '1'],
    ['haiku-20240307', '1'],
    ['haiku-latest', '1'],
    ['haiku-4', '2'],
    ['haiku-4-20260101', '2'],
  ])('model %s costs %s', (model, amount) => {
    expect(amountOf({ model })).toBe(amount)
  })

  test('a provider has aliases too', () => {
    expect(amountOf({ provider: 'gpt-4o-2024-08-06' })).toBe('3')
    expect(amountOf({ provider: 'chatgpt-4o-latest' })).toBe('3')
    expect(amountOf({ provider: 'gpt-4o', model: 'anything' })).toBe('3')
  })

  test.each<[string, Partial<PriceQuery>, string[]]>([
    ['has no price of model hiaku', { model: 'hiaku' }, ['haiku', 'haiku-*', 'haiku-4']],
    ['has no price without a model', {}, []],
    ['has no price for gpt gpt-4', { provider: 'gpt-4' }, ['gpt-4o']],
    ['has no service gtp', { service: 'gtp' }, ['gpt']],
    ['has no price in eur', { currency: 'eur' as never, model: 'haiku' }, ['credits']],
    ['has no version in force', { at: 0 }, ['test@1 from 2020-01-01T00:00:00.000Z']],
  ])('%s: the error names the nearest', (problem, facts, nearest) => {
    try {
      amountOf(facts)
      expect.unreachable()
    } catch (error) {
      if (!isFareboxError(error)) throw error
      expect(error).toMatchObject({ code: 'PRICE_NOT_FOUND', book: 'test' })
      expect(error.message).toContain(problem)
      expect((error as unknown as { nearest: string[] }).nearest.slice(0, Math.max(nearest.length, 0))).toEqual(nearest)
    }
  })
})

describe('numbers', () => {
  test.each([
    [{ to: ['+43'] }, { to: '+4315551234' }, { to: '+4915551234' }],
    [{ from: ['+43'] }, { from: '+4315551234' }, { from: '+4915551234' }],
    [{ to: ['+43'] }, { to: '+43', from: '+1' }, { from: '+43' }],
  ])('that are the only ones with a price are found, and no others: %j', (priced, found, absent) => {
    const book = bookOf(priced)
    expect(book.lookUp({ ...phoneQuery, ...found })?.entry).toMatchObject(priced)
    expect(book.lookUp({ ...phoneQuery, ...absent })).toBeUndefined()
    expect(book.lookUp(phoneQuery)).toBeUndefined()
  })

  test('are of one provider under an alias: of two, the prices of one would never be found', () => {
    const book = (provider: string) => ({
      ...documentOf([
        entry('1', { provider: 'm', aliases: ['x'] }),
        entry('2', { provider: 'm', aliases: ['x'], to: ['+44'] }),
        entry('3', { provider, aliases: ['x'], to: ['+43'] }),
      ]),
      name: 'test',
    })
    expect(problemsOf(book('n'))).toEqual(['version a, gpt n, aliases: x is an alias of m already: keep one'])
    const found = new PriceBook(book('m')).find({ service: 'gpt', provider: 'x', to: '+431', at: Date.parse('2026-02-01') })
    expect(found.entry.rates[0]?.amount).toBe('3')
  })

  const call = (amount: string, names: Partial<EntryDocument> = {}) =>
    entry(amount, { service: 'phone', provider: 'twilio', ...names })
  const book = bookFrom([
    call('1', { to: ['+44'] }),
    call('2', { to: ['+447'] }),
    call('3', { to: ['+447'], from: ['+44', '+353'] }),
    call('4', { to: ['+4479'], from: ['+1'] }),
  ])
  const amountOf = (to?: string, from?: string) =>
    book.find({ service: 'phone', provider: 'twilio', at, to, from }).entry.rates[0]?.amount

  test('the longest beginning of the number called wins, then of the number called from', () => {
    expect(amountOf('+442071234567')).toBe('1')
    expect(amountOf('+447700900000')).toBe('2')
    expect(amountOf('+447700900000', '+353861234567')).toBe('3')
    expect(amountOf('+447911123456', '+12025550123')).toBe('4')
    expect(amountOf('+447911123456', '+442071234567')).toBe('3')
  })

  test('called from have a price of their own, also where any number may be called', () => {
    const twilio = bookFrom([call('1'), call('2', { from: ['+49'] })])
    const callers = ['+493055512345', '+442071234567', undefined]
    const amounts = callers.map((from) => twilio.find({ service: 'phone', provider: 'twilio', at, to: '+4315551234', from }))
    expect(amounts.map(({ entry: { rates } }) => rates[0]?.amount)).toEqual(['2', '1', '1'])
  })

  test('a number that nobody priced, or none, is an error', () => {
    expect(() => amountOf('+33123456789')).toThrow('has no price to +33123456789')
    expect(() => amountOf()).toThrow('needs the number that was called (`to`)')
  })
})

test('a rating is not taken for another currency', () => {
  const rating = rate(defaultCostBook, { service: 'gpt', provider: 'gpt-4o', at }, [])
  for (const inCredits of [creditsOf, chargeOf]) expect(() => inCredits(rating)).toThrow('has prices in usd, not in credits')
  expect(() => nanoUsdOf(rate(bookOf({}), phoneQuery, []))).toThrow('has prices in credits, not in usd')
})

test('work that is planned dearer than a book refuses is not begun; work that was done costs the maximum', () => {
  const book = bookOf({ maximum_charge: { amount: '5', action: 'refuse' } })
  const rating = rate(book, phoneQuery, [seconds(600)])
  expect(creditsOf(rating)).toBe(5_000_000n)
  expect(() => refuseAboveMaximum(rating)).toThrow('phone of p would cost 10 credits; its price book refuses more than 5')
  expect(() => refuseAboveMaximum(rate(book, phoneQuery, [seconds(300)]))).not.toThrow()
  const planned = (used: number) => estimate(book, [{ service: 'phone', provider: 'p', quantities: [seconds(used)] }], at)
  expect(() => planned(600)).toThrow('its price book refuses more than 5')
  expect(planned(300).total).toBe(5_000_000n)
})

test('an alias of one provider never hides another of that name', () => {
  const book = bookFrom([entry('1', { provider: 'a', aliases: ['b'] }), entry('2', { provider: 'b', model: 'm' })])
  expect(book.find({ service: 'gpt', provider: 'b', model: 'm', at }).entry.rates[0]?.amount).toBe('2')
})

function bookFrom(entries: EntryDocument[]): PriceBook {
  return new PriceBook({
    name: 'test',
    currency: 'credits',
    versions: [{ version: '1', effective_from: '2020-01-01T00:00:00Z', entries }],
  })
}

function withRate(rule: Partial<RateDocument>, model?: string): EntryDocument {
  return entry('1', { ...(model && { model }), rates: [{ unit: 'tokens', amount: '1', ...rule }] })
}

function tiered(tiers: Partial<NonNullable<RateDocument['tiers']>>): EntryDocument {
  const steps = [{ amount: '1' }, { above: '5', amount: '2' }]
  return entry('1', { rates: [{ unit: 'tokens', tiers: { mode: 'volume', comparison: 'gt', steps, ...tiers } }] })
}
