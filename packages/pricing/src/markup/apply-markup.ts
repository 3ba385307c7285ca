import type { Unit } from '@farebox/core'
import type { PriceBookDocument, PriceEntry, PriceVersion } from '../document/price-book-document.ts'
import { type PriceBookProblem, problemOfIssue } from '../document/problem.ts'
import type { Rate } from '../document/rules.ts'
import { InvalidPriceBookError } from '../errors.ts'
import { PriceBook } from '../price-book.ts'
import {
  add,
  compare,
  decimal,
  divide,
  greatest,
  multiply,
  type Rational,
  rational,
  rationalText,
  subtract,
  ZERO,
} from '../rational.ts'
import { rounded } from '../rules/rounding.ts'
import { unitsIn } from '../units.ts'
import { type Markup, type MarkupDocument, type MarkupRule, markupSchema } from './markup-document.ts'

type EntryDocument = PriceBookDocument['versions'][number]['entries'][number]

const HUNDRED = rational(100n)
const TEN = rational(10n)
const ONE = rational(1n)
/** The rounding if no rule names one: as fine as the ledger keeps credits. */
const FINEST = { mode: 'up', step: '0.000001' } as const
/** The most decimals that a price book can hold. */
const DECIMALS_MAX = 18

/**
 * Turns a cost book in US dollars into a price book in credits, version by version. Every amount passes through the rules in
 * order, and within a rule through percent, fixed and discount. It is then divided by the value of a credit, and rounded.
 *
 * @throws {InvalidPriceBookError} the markup does not match its schema, a rule does nothing, or the book is not in US dollars
 */
export function applyMarkup(costs: PriceBook, document: MarkupDocument): PriceBook {
  const markup = readMarkup(costs, document)
  const versions = costs.document.versions.map((version) => ({
    ...version,
    entries: version.entries.map((entry) => markedUp(costs, version, entry, markup)),
  }))
  const { name, rounding } = markup
  return new PriceBook({ name, currency: 'credits', ...(rounding && { rounding }), versions })
}

function readMarkup(costs: PriceBook, document: MarkupDocument): Markup {
  const parsed = markupSchema.safeParse(document)
  const name = typeof document?.name === 'string' ? document.name : ''
  const problems: PriceBookProblem[] = parsed.success
    ? parsed.data.rules.flatMap(({ meters, percent, fixed, discount, rounding }, index) => {
        const field = `rules.${index}`
        if ((percent ?? fixed ?? discount ?? rounding) === undefined) {
          return [{ field, message: 'does nothing: give percent, fixed, discount or rounding' }]
        }
        if (!meters || !fixed || fixed.unit !== undefined) return []
        return [{ field: `${field}.fixed.unit`, message: 'is missing: a rule for meters adds nothing to a call as a whole' }]
      })
    : parsed.error.issues.map((issue) => problemOfIssue(document, issue))
  if (costs.currency !== 'usd') {
    problems.push({ field: 'costs', message: `a cost book is in usd, ${costs.name} is in ${costs.currency}` })
  }
  if (!parsed.success || problems.length > 0) throw new InvalidPriceBookError(name, problems)
  return parsed.data
}

function markedUp(costs: PriceBook, { version }: PriceVersion, entry: PriceEntry, markup: Markup): EntryDocument {
  const { rounding: _, checked, confidence, note, ...kept } = entry
  const rules = markup.rules.filter((rule) => isFor(rule, entry))
  const wholeCall = rules.filter(({ meters }) => meters === undefined)
  const ofCall = (amount: string) => priceOf(decimal(amount), wholeCall, markup)
  const fee = feeOf(entry, wholeCall, markup)
  const { connect_fee, minimum_charge, maximum_charge: maximum, windows, ...same } = kept
  const minimum = minimum_charge === undefined ? ZERO : ofCall(minimum_charge)
  return {
    ...same,
    rates: entry.rates.map((rate) => markedUpRate(rate, rules, markup)),
    ...(connect_fee !== undefined || fee.numerator > 0n ? { connect_fee: rationalText(fee) } : {}),
    // What is given away has no minimum.
    ...(minimum.numerator > 0n && { minimum_charge: rationalText(minimum) }),
    ...(maximum && { maximum_charge: { ...maximum, amount: rationalText(wholeSteps(ofCall(maximum.amount), markup)) } }),
    ...(windows && {
      windows: windows.map(({ rates, ...window }) => ({
        ...window,
        ...(rates && { rates: rates.map((rate) => markedUpRate(rate, rules, markup)) }),
      })),
    }),
    source: `${costs.name}@${version}, marked up by ${markup.name}`,
  }
}

function markedUpRate(rate: Rate, rules: readonly MarkupRule[], markup: Markup): Rate {
  const own = rules.filter(({ meters }) => meters === undefined || (rate.meter !== undefined && meters.includes(rate.meter)))
  const size = rate.package ? rate.package.size : rate.per
  const priced = (amount: string) => rationalText(priceOf(decimal(amount), own, markup, { unit: rate.unit, size: decimal(size) }))
  return {
    ...rate,
    ...(rate.amount !== undefined && { amount: priced(rate.amount) }),
    ...(rate.tiers && {
      tiers: { ...rate.tiers, steps: rate.tiers.steps.map((step) => ({ ...step, amount: priced(step.amount) })) },
    }),
  }
}

/** The connect fee in credits, including what rules add to each call. */
function feeOf(entry: PriceEntry, rules: readonly MarkupRule[], markup: Markup): Rational {
  const addsToCall = rules.some(({ fixed }) => fixed && fixed.unit === undefined)
  if (entry.connect_fee === undefined && !addsToCall) return ZERO
  return priceOf(decimal(entry.connect_fee ?? '0'), rules, markup, { size: ONE })
}

/**
 * @param of  what the amount is the price of. Without a unit, one call. Absent, the amount is a limit, and gets no fixed markup.
 */
function priceOf(usd: Rational, rules: readonly MarkupRule[], markup: Markup, of?: { unit?: Unit; size: Rational }): Rational {
  let price = usd
  for (const { percent, fixed, discount } of rules) {
    if (percent !== undefined) price = multiply(price, add(ONE, divide(decimal(percent), HUNDRED)))
    if (fixed && of) price = add(price, fixedFor(fixed, of))
    if (discount !== undefined) price = multiply(price, subtract(ONE, divide(decimal(discount), HUNDRED)))
  }
  const inCredits = divide(price, decimal(markup.credit_value_usd))
  const finest = of?.unit === undefined ? FINEST : { ...FINEST, step: finestStep(inCredits) }
  const rule = { ...(rules.findLast(({ rounding }) => rounding)?.rounding ?? finest), point: 'line' as const }
  return rounded(inCredits, { rule, step: decimal(rule.step) })
}

/** Keeps six significant digits. The price of one token is far below a micro-credit, so rounding to that would multiply it. */
function finestStep(price: Rational): string {
  let decimals = 6
  for (let tenfold = multiply(price, TEN); decimals < DECIMALS_MAX && compare(tenfold, ONE) < 0; decimals += 1) {
    tenfold = multiply(tenfold, TEN)
  }
  return `0.${'1'.padStart(decimals, '0')}`
}

function fixedFor(fixed: NonNullable<MarkupRule['fixed']>, { unit, size }: { unit?: Unit; size: Rational }): Rational {
  if (fixed.unit === undefined || unit === undefined) {
    return fixed.unit === unit ? divide(decimal(fixed.amount), decimal(fixed.per)) : ZERO
  }
  const factor = unitsIn(fixed.unit, unit)
  return factor ? multiply(multiply(decimal(fixed.amount), factor), divide(size, decimal(fixed.per))) : ZERO
}

/** Rounds a limit up to whole rounding steps, so that rounding a charge cannot exceed it. At least one, as a limit is above zero. */
function wholeSteps(amount: Rational, { rounding }: Markup): Rational {
  const step = decimal(rounding?.step ?? '1')
  return greatest(step, rounded(amount, { rule: { mode: 'up', step: rounding?.step ?? '1', point: 'total' }, step }))
}

function isFor({ services, providers, models }: MarkupRule, { service, provider, model }: PriceEntry): boolean {
  if (services && !services.includes(service)) return false
  if (providers && !providers.includes(provider)) return false
  return !models || (model !== undefined && models.includes(model))
}
