import { formatQuantity, type Quantity, quantity, type Unit, type UsageQuantity } from '@farebox/core'
import type { Confidence, PriceEntry } from '../document/price-book-document.ts'
import type { Rate } from '../document/rules.ts'
import { PriceNotFoundError, type PriceQuery } from '../errors.ts'
import type { PhoneNumbers } from '../index/number-matcher.ts'
import type { PriceBook } from '../price-book.ts'
import type { PricedEntry } from '../priced-entry.ts'
import { rateEntry } from '../rate.ts'
import { compare, decimal, divide, multiply, type Rational, rational } from '../rational.ts'
import { unitsIn } from '../units.ts'
import { expectBooks, expectVersion } from './expect-books.ts'
import { marginPercent, textNotBelow, usdText } from './margin-text.ts'

/** What a credit is worth, and the moment to compare. */
export interface MarginOptions {
  /** What a customer pays for one credit, in US dollars: `0.001`. */
  creditValueUsd: string
  /** The moment whose prices to compare, in epoch milliseconds, UTC. */
  at: number
}

/**
 * The result of comparing a price with a cost.
 *
 * | status | meaning |
 * |---|---|
 * | `covered` | the price covers the cost, at every size tried |
 * | `below_cost` | an ordinary call is sold below cost |
 * | `below_cost_for_some` | only a call of another size is sold below cost, such as one of a second that costs a whole minute |
 * | `no_cost` | the cost book does not have the provider |
 * | `not_comparable` | both books have it, but in units that do not convert into each other, such as characters and tokens |
 */
export type MarginStatus = 'covered' | 'below_cost' | 'below_cost_for_some' | 'no_cost' | 'not_comparable'

/** How a price compares with a cost. Amounts are decimal strings of US dollars, with up to nine places. */
export interface MarginRow {
  status: MarginStatus
  service: string
  provider: string
  /** The model of the price, or if that has none, of the cost. */
  model?: string
  meter?: string
  unit: Unit
  /** The size of the call shown: an ordinary one, or one that is sold below cost. */
  quantity?: string
  soldUsd?: string
  costUsd?: string
  /** What remains of the price after the cost, in percent. Negative if sold below cost. */
  marginPercent?: string
  /** For `below_cost`: the lowest price in credits that would cover the cost, for the rate's own `per` units. */
  breakEven?: { credits: string; per: string; unit: Unit }
  /** For `not_comparable`: the units of the cost. */
  costUnits?: readonly Unit[]
  /** Whether the cost is uncertain: it has no source, a single or weak one, or several that disagree. */
  isWeak: boolean
  confidence?: Confidence
  source?: string
  /** The day on which the provider retires it. */
  retires?: string
}

/** A comparison of two books, rate by rate. */
export interface MarginReport {
  /** `name@version`. */
  prices: string
  costs: string
  creditValueUsd: string
  rows: MarginRow[]
}

const WEAK: ReadonlySet<Confidence> = new Set(['single_source', 'sources_disagree', 'weak'])

/** An ordinary call first, then sizes that rules may treat differently: very short, just past a step, long. */
const SIZES: Record<Unit, readonly [ordinary: string, ...others: string[]]> = {
  tokens: ['1000', '1', '250000'],
  seconds: ['300', '1', '61', '3600'],
  minutes: ['5', '0.016667', '1.016667', '60'],
  characters: ['1000', '1', '100000'],
  images: ['1', '100'],
  requests: ['1', '100'],
  bytes: ['1000000', '1'],
}

/**
 * Compares what customers pay with what providers charge: every rate of the credit book with every model of the cost book that it
 * may apply to. In a phone deck, a price is compared with a cost only if some call finds both. Each meter is compared separately.
 * Rounding up on receipts does not count as income.
 *
 * @throws {InvalidOptionError} a book is in the wrong currency or not in force at `at`, or `creditValueUsd` is not a decimal
 *   above 0
 */
export function checkMargins(prices: PriceBook, costs: PriceBook, { creditValueUsd, at }: MarginOptions): MarginReport {
  const creditValue = expectBooks(prices, costs, creditValueUsd)
  for (const book of [prices, costs]) expectVersion(book, at)
  const rows = prices.pricedEntries(at).flatMap((price) => {
    const { service, provider, model } = price.entry
    const known = costsOf(prices, price, costs, at)
    if (known.length > 0) return known.flatMap((cost) => compareEntries(price, cost, creditValue, at))
    return price.entry.rates.map(({ unit, meter }): MarginRow => {
      return { status: 'no_cost', service, provider, ...named({ model, meter }), unit, isWeak: true }
    })
  })
  return { prices: prices.entries(at).version, costs: costs.entries(at).version, creditValueUsd, rows }
}

/**
 * The costs of the calls that a price applies to: of its model, or of all models without a price of their own, between its
 * numbers.
 */
function costsOf(prices: PriceBook, price: PricedEntry, costs: PriceBook, at: number): readonly PricedEntry[] {
  const { service, provider, model } = price.entry
  // Also finds it under another name of its provider or model.
  const found = model === undefined || hasNumbers(price) ? undefined : costs.lookUp({ service, provider, model, at })
  const isMet = (cost: PricedEntry) =>
    numbersOf(price.entry, cost.entry).some((numbers) =>
      namesOf(model, cost.entry).some((name) => {
        const query = { service, provider, model: name, at, ...numbers }
        return prices.lookUp(query) === price && costs.lookUp(query) === cost
      }),
    )
  const others = costs
    .pricedEntries(at)
    .filter((cost) => cost !== found && cost.entry.service === service && cost.entry.provider === provider)
    .filter((cost) => (model === undefined || hasNumbers(price) || hasNumbers(cost)) && isMet(cost))
  return found ? [found, ...others] : others
}

/** The model names to try: the price's own, or else all names of the cost. */
function namesOf(own: string | undefined, { model, aliases = [] }: PriceEntry): readonly (string | undefined)[] {
  if (own !== undefined || model === undefined) return [own ?? model]
  return [model, ...aliases.map((alias) => alias.replace(/\*$/, ''))]
}

function hasNumbers({ entry: { to, from } }: PricedEntry): boolean {
  return to !== undefined || from !== undefined
}

/** The number prefixes that two entries have in common. Of each pair it takes the longer, which finds both. */
function numbersOf(price: PriceEntry, cost: PriceEntry): PhoneNumbers[] {
  const both = (ours: readonly string[] = [''], theirs: readonly string[] = ['']) =>
    ours.flatMap((one) =>
      theirs.flatMap((other) => {
        if (one.startsWith(other)) return [one]
        return other.startsWith(one) ? [other] : []
      }),
    )
  const callers = both(price.from, cost.from)
  return both(price.to, cost.to).flatMap((to) => callers.map((from) => ({ to, from })))
}

function compareEntries(price: PricedEntry, cost: PricedEntry, creditValue: Rational, at: number): MarginRow[] {
  const { service, provider } = price.entry
  const { confidence, source, retires } = cost.entry
  const model = price.entry.model ?? cost.entry.model
  return price.entry.rates.flatMap((rate) => {
    const meters = metersOf(rate, price.entry, cost.entry)
    return meters.map((meter): MarginRow => {
      const row = {
        service,
        provider,
        ...named({ model, meter }),
        unit: rate.unit,
        isWeak: source === undefined || confidence === undefined || WEAK.has(confidence),
        ...named({ confidence, source, retires }),
      }
      const tried = SIZES[rate.unit].flatMap((size) => {
        const usage = [{ meter: meter ?? 'usage', quantity: quantity(size), unit: rate.unit }]
        const found = tryBoth(price, cost, { service, provider, at, to: cost.entry.to?.[0], from: cost.entry.from?.[0] }, usage)
        return found ? [{ size, sold: multiply(found.credits, creditValue), paid: found.usd }] : []
      })
      const [ordinary] = tried
      if (!ordinary)
        return { status: 'not_comparable', ...row, costUnits: [...new Set(cost.entry.rates.map(({ unit }) => unit))] }
      const isBelow = compare(ordinary.sold, ordinary.paid) < 0
      const other = isBelow ? undefined : tried.find(({ sold, paid }) => compare(sold, paid) < 0)
      const shown = other ?? ordinary
      return {
        status: isBelow ? 'below_cost' : other ? 'below_cost_for_some' : 'covered',
        ...row,
        quantity: formatQuantity(quantity(shown.size)),
        soldUsd: usdText(shown.sold),
        costUsd: usdText(shown.paid),
        ...named({ marginPercent: marginPercent(shown.sold, shown.paid) }),
        ...(isBelow && { breakEven: breakEven(rate, ordinary.paid, quantity(ordinary.size), creditValue) }),
      }
    })
  })
}

/** Rates a usage with both books. `undefined` if one of them cannot price it. */
function tryBoth(
  price: PricedEntry,
  cost: PricedEntry,
  query: PriceQuery,
  usage: readonly UsageQuantity[],
): { credits: Rational; usd: Rational } | undefined {
  const counted = usage.map((one) =>
    // As for ASCII text, for which all ways of counting agree.
    one.unit === 'characters'
      ? { ...one, counts: { code_points: one.quantity, utf16_units: one.quantity, utf8_bytes: one.quantity } }
      : one,
  )
  try {
    return { credits: rateEntry(price, query, counted).total, usd: rateEntry(cost, query, counted).total }
  } catch (error) {
    if (error instanceof PriceNotFoundError) return undefined
    throw error
  }
}

/** The meters to compare a rate under: its own, or all that the cost distinguishes. */
function metersOf(rate: Rate, price: PriceEntry, cost: PriceEntry): readonly (string | undefined)[] {
  if (rate.meter !== undefined) return [rate.meter]
  const elsewhere = new Set(price.rates.map(({ meter }) => meter))
  const named = cost.rates
    .filter(({ unit, meter }) => meter !== undefined && unitsIn(rate.unit, unit) && !elsewhere.has(meter))
    .map(({ meter }) => meter)
  const others = cost.rates.some(({ unit, meter }) => meter === undefined && unitsIn(rate.unit, unit))
  return named.length > 0 ? [...named, ...(others ? [undefined] : [])] : [undefined]
}

function breakEven(rate: Rate, paid: Rational, used: Quantity, creditValue: Rational): NonNullable<MarginRow['breakEven']> {
  const per = rate.package?.size ?? rate.per
  const each = divide(paid, rational(used, 1_000_000n))
  const credits = divide(multiply(each, decimal(per)), creditValue)
  // Rounding to nearest could leave it below cost.
  return { credits: textNotBelow(credits), per, unit: rate.unit }
}

function named<Facts extends object>(facts: Facts): Partial<{ [Name in keyof Facts]: NonNullable<Facts[Name]> }> {
  return Object.fromEntries(Object.entries(facts).filter(([, value]) => value !== undefined)) as never
}
