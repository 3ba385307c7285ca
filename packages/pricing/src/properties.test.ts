import { microUnits, type UsageQuantity } from '@farebox/core'
import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { explain } from './explain.ts'
import type { PriceBook } from './price-book.ts'
import { rate } from './rate.ts'
import { rateCall } from './rate-call.ts'
import { roundedTotal } from './rating.ts'
import { add, compare, decimal, divide, multiply, type Rational, rationalText, reduce, ZERO } from './rational.ts'
import { billedQuantities, rateDifference, rerate } from './rerate.ts'
import { at, bookOf, type EntryDocument, query, type RateDocument } from './testing/book-of.ts'

/** From a millionth to some millions of tokens. */
const count = fc.bigInt({ min: 0n, max: 5_000_000_000_000n })
const usage = fc.array(
  fc.record({
    meter: fc.constantFrom('input', 'cached_input', 'output'),
    quantity: count.map(microUnits),
    unit: fc.constant('tokens' as const),
  }),
  { maxLength: 6 },
)

const positive = fc.integer({ min: 1, max: 3_000_000 }).map((value) => `${value / 1_000}`)
const price = fc.integer({ min: 0, max: 1_000_000 }).map((value) => `${value / 1_000}`)

const tiers = (mode: fc.Arbitrary<'graduated' | 'volume' | 'whole_request'>): fc.Arbitrary<RateDocument['tiers']> =>
  fc
    .record({
      mode,
      basis: fc.constant('request' as const),
      comparison: fc.constantFrom('gt' as const, 'gte' as const),
      limits: fc.uniqueArray(fc.integer({ min: 1, max: 3_000_000 }), { minLength: 1, maxLength: 4 }),
      amounts: fc.array(price, { minLength: 5, maxLength: 5 }),
    })
    .map(({ limits, amounts, ...rest }) => ({
      ...rest,
      ...(rest.mode === 'whole_request' && { measured: ['input', 'cached_input'] }),
      steps: [
        { amount: amounts[0] ?? '1' },
        ...limits.sort((a, b) => a - b).map((above, index) => ({ above: String(above), amount: amounts[index + 1] ?? '1' })),
      ],
    }))

/** Rules of a rate under which more never costs less. */
const steadyRules = fc.record(
  {
    minimum_quantity: positive.map((quantity) => ({ quantity })),
    increment: fc.record({ first: positive, next: positive }),
    included: fc.record({ quantity: positive, basis: fc.constant('request' as const) }),
  },
  { requiredKeys: [] },
)
const per = fc.constantFrom('1', '3', '1000', '1000000')
const steadyRate: fc.Arbitrary<RateDocument> = fc.oneof(
  fc.record({ amount: price, per }).map((plain) => ({ unit: 'tokens' as const, ...plain })),
  fc
    .tuple(steadyRules, fc.record({ amount: price, per }))
    .map(([rules, plain]) => ({ unit: 'tokens' as const, ...plain, ...rules })),
  fc
    .tuple(steadyRules, price, positive)
    .map(([rules, amount, size]) => ({ unit: 'tokens' as const, amount, ...rules, package: { size } })),
  fc
    .tuple(steadyRules, tiers(fc.constant('graduated')))
    .map(([rules, graduated]) => ({ unit: 'tokens' as const, ...rules, tiers: graduated })),
)
const anyRate: fc.Arbitrary<RateDocument> = fc.oneof(
  steadyRate,
  fc
    .tuple(steadyRules, tiers(fc.constantFrom('volume', 'whole_request')))
    .map(([rules, tiered]) => ({ unit: 'tokens' as const, ...rules, tiers: tiered })),
)

function entryOf(rates: fc.Arbitrary<RateDocument>): fc.Arbitrary<Partial<EntryDocument>> {
  const rounding = fc.record({
    mode: fc.constantFrom('up' as const, 'down' as const, 'half_up' as const, 'half_even' as const),
    step: fc.constantFrom('1', '0.01', '0.5'),
    point: fc.constantFrom('line' as const, 'resource' as const, 'total' as const),
  })
  return fc.record(
    {
      rates: fc
        .tuple(rates, rates, rates)
        .map(([input, output, others]) => [{ ...input, meter: 'input' }, { ...output, meter: 'output' }, others]),
      connect_fee: price,
      minimum_charge: positive,
      maximum_charge: fc
        .integer({ min: 3_000, max: 90_000_000 })
        .map((amount) => ({ amount: `${amount}`, action: 'cap' as const })),
      rounding,
    },
    { requiredKeys: ['rates'] },
  )
}

const anyEntry = entryOf(anyRate)
const steadyEntry = entryOf(steadyRate)

function totalOf(book: PriceBook, quantities: readonly UsageQuantity[]): Rational {
  return rate(book, query, quantities).total
}

function same(a: Rational, b: Rational): void {
  expect(rationalText(a)).toBe(rationalText(b))
}

describe('whatever the rules are', () => {
  test('slices that are settled by the difference add up to the whole, wherever it is split', () => {
    fc.assert(
      fc.property(anyEntry, fc.array(usage, { maxLength: 5 }), (entry, slices) => {
        const book = bookOf(entry)
        let sum = ZERO
        let before: UsageQuantity[] = []
        for (const added of slices) {
          sum = add(sum, rateDifference(book, query, { before, added }).total)
          before = [...before, ...added]
        }
        same(sum, totalOf(book, slices.flat()))
      }),
    )
  })

  test('a quantity costs the same whole as in parts of one call', () => {
    fc.assert(
      fc.property(anyEntry, count, count, (entry, a, b) => {
        const book = bookOf(entry)
        const tokens = (value: bigint) => ({ meter: 'input', unit: 'tokens' as const, quantity: microUnits(value) })
        same(totalOf(book, [tokens(a), tokens(b)]), totalOf(book, [tokens(a + b)]))
      }),
    )
  })

  test('the order of what was used does not matter', () => {
    fc.assert(
      fc.property(anyEntry, usage, fc.infiniteStream(fc.nat()), (entry, quantities, random) => {
        const shuffled = quantities
          .map((quantity) => ({ quantity, at: random.next().value as number }))
          .sort((a, b) => a.at - b.at)
          .map(({ quantity }) => quantity)
        same(totalOf(bookOf(entry), shuffled), totalOf(bookOf(entry), quantities))
      }),
    )
  })

  test('another version of the book rates the same usage again, the same each time', () => {
    fc.assert(
      fc.property(anyEntry, anyEntry, usage, (first, second, quantities) => {
        const [older, newer] = [bookOf(first), bookOf(second)]
        const rating = rate(older, query, quantities)
        const again = rerate(rating, newer)
        same(again.total, totalOf(newer, quantities))
        same(rerate(again, older).total, rating.total)
      }),
    )
  })

  test('rounding once is all that is ever lost: the exact total is a fraction', () => {
    fc.assert(
      fc.property(price, per, count, (amount, parts, used) => {
        const book = bookOf({ rates: [{ unit: 'tokens', amount, per: parts }] })
        const { numerator, denominator } = totalOf(book, [{ meter: 'input', unit: 'tokens', quantity: microUnits(used) }])
        const thousandths = BigInt(Math.round(Number(amount) * 1_000))
        expect(numerator * 1_000n * 1_000_000n * BigInt(parts)).toBe(thousandths * used * denominator)
      }),
    )
  })
})

test('more usage never costs less, except where volume or whole_request tiers say so', () => {
  fc.assert(
    fc.property(steadyEntry, usage, usage, (entry, some, more) => {
      const book = bookOf(entry)
      expect(compare(totalOf(book, [...some, ...more]), totalOf(book, some))).toBeGreaterThanOrEqual(0)
    }),
  )
  const volume = bookOf({
    rates: [
      { unit: 'tokens', tiers: { mode: 'volume', comparison: 'gt', steps: [{ amount: '2' }, { above: '10', amount: '1' }] } },
    ],
  })
  const tokens = (value: bigint) => [{ meter: 'input', unit: 'tokens' as const, quantity: microUnits(value * 1_000_000n) }]
  expect([10n, 11n].map((used) => rationalText(totalOf(volume, tokens(used))))).toEqual(['20', '11'])
})

test('a period costs what its total costs, wherever calls divide it: for included units, packages and tiers by period', () => {
  const byPeriod: fc.Arbitrary<RateDocument> = fc
    .oneof(
      fc.tuple(positive, price).map(([quantity, amount]) => ({ amount, included: { quantity, basis: 'period' as const } })),
      fc.tuple(positive, price).map(([size, amount]) => ({ amount, package: { size, basis: 'period' as const } })),
      fc.tuple(positive, positive, price).map(([quantity, size, amount]) => ({
        amount,
        included: { quantity, basis: 'period' as const },
        package: { size, basis: 'period' as const },
      })),
      fc.tuple(tiers(fc.constantFrom('graduated', 'volume')), fc.option(positive)).map(([tiered, included]) => ({
        ...(tiered && { tiers: { ...tiered, basis: 'period' as const } }),
        ...(included && { included: { quantity: included, basis: 'period' as const } }),
      })),
    )
    .map((rules) => ({ unit: 'tokens' as const, ...rules }))
  fc.assert(
    fc.property(byPeriod, fc.array(count, { maxLength: 6 }), (rule, calls) => {
      const book = bookOf({ rates: [rule] })
      let usedBefore: UsageQuantity[] = []
      let sum = ZERO
      for (const used of calls) {
        const rating = rate(book, { ...query, usedBefore }, [{ meter: 'input', unit: 'tokens', quantity: microUnits(used) }])
        sum = add(sum, rating.total)
        usedBefore = [...usedBefore, ...billedQuantities(rating)]
      }
      const whole = calls.reduce((total, used) => total + used, 0n)
      same(sum, totalOf(book, [{ meter: 'input', unit: 'tokens', quantity: microUnits(whole) }]))
    }),
  )
})

/** `1/3` or `0.25` as a fraction. */
function read(text: string): Rational {
  const [numerator = '', denominator] = text.split('/')
  return denominator === undefined ? decimal(numerator) : { numerator: BigInt(numerator), denominator: BigInt(denominator) }
}

test('an explanation adds up: each step to its line, lines to their sum, and the last step to what is charged', () => {
  fc.assert(
    fc.property(anyEntry, usage, (entry, quantities) => {
      const rating = rate(bookOf(entry), query, quantities)
      const { lines, steps, total, charged } = explain(rating)
      same(read(total), rating.total)
      for (const line of lines) {
        const priced = line.steps.filter(({ rule }) => rule === 'tier' || rule === 'rate')
        const rounded = line.steps.find(({ rule }) => rule === 'rounding')
        const exact = priced.map(({ result }) => read(result)).reduce(add, ZERO)
        expect(line.amount).toBe(rounded?.result ?? rationalText(exact))
        for (const { text, result } of priced) {
          const [, used = '', amount = '', per = '1'] =
            /([\d./]+) \S+ × ([\d.]+) per (?:package|([\d.]+) tokens)$/.exec(text) ?? []
          same(read(result), divide(multiply(read(used), decimal(amount)), decimal(per)))
        }
      }
      same(read(steps[0]?.result ?? ''), lines.map(({ amount }) => read(amount)).reduce(add, ZERO))
      expect(steps.at(-1)?.result).toBe(charged)
      same(read(charged), roundedTotal(rating))
    }),
  )
})

test('the fast way of plain prices agrees with the way that takes every step', () => {
  const plain = fc.oneof(
    fc.record({ amount: price, per }).map((rule): RateDocument => ({ unit: 'tokens', ...rule })),
    fc
      .tuple(per, tiers(fc.constant('whole_request')))
      .map(([parts, tiered]): RateDocument => ({ unit: 'tokens', per: parts, tiers: tiered })),
  )
  // Around the limits of tiers, which are whole thousands.
  const near = fc
    .tuple(fc.integer({ min: 1, max: 3_000_000 }), fc.integer({ min: -1, max: 1 }))
    .map(([whole, beyond]) => BigInt(whole) * 1_000_000n + BigInt(beyond))
  fc.assert(
    fc.property(fc.tuple(plain, plain, plain), usage, near, ([input, output, others], quantities, limit) => {
      const measured = others.tiers?.steps[1]?.above
      const exact = measured === undefined ? limit : BigInt(measured) * 1_000_000n + (limit % 3n) - 1n
      const all = [
        ...quantities.filter(({ meter }) => meter === 'output'),
        { meter: 'input', unit: 'tokens' as const, quantity: microUnits(exact) },
      ]
      const book = bookOf({ rates: [{ ...input, meter: 'input' }, { ...output, meter: 'output' }, others] })
      const entry = book.find(query)
      expect(entry.plainRates(query)).toBeDefined()
      for (const asked of [quantities, all]) {
        same(rate(book, query, asked).total, rateCall(entry, { ...query, at }, asked).total)
      }
    }),
  )
})

test('lowest terms are the same number', () => {
  fc.assert(
    fc.property(fc.bigInt(-1_000n, 1_000n), fc.bigInt(1n, 1_000n), (numerator, denominator) => {
      expect(compare(reduce({ numerator, denominator }), { numerator, denominator })).toBe(0)
    }),
  )
})
