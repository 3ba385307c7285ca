import { formatQuantity, type UsageQuantity } from '@farebox/core'
import type { Currency } from './document/price-book-document.ts'
import type { Rounding } from './document/rules.ts'
import type { RatedCall } from './rate-call.ts'
import type { RatedLine } from './rate-lines.ts'
import { type Rating, roundedTotal } from './rating.ts'
import { add, compare, multiply, type Rational, rationalText, subtract } from './rational.ts'
import { amountOf } from './rules/tiers.ts'

/** The rules, in the order in which they apply. */
export type ExplainedRule =
  | 'usage'
  | 'minimum_quantity'
  | 'increment'
  | 'included'
  | 'package'
  | 'tier'
  | 'rate'
  | 'factor'
  | 'rounding'
  | 'lines'
  | 'connect_fee'
  | 'minimum_charge'
  | 'maximum_charge'

/** One step on the way from usage to charge. */
export interface ExplainedStep {
  rule: ExplainedRule
  /** Readable text: `in increments of 60/60 seconds`. */
  text: string
  /** The exact result: a decimal, or a fraction such as `61/60` where no decimal is exact. */
  result: string
  /** A unit such as `minutes`, or the currency. */
  unit: string
}

/** How a charge came about, as JSON-compatible data. */
export interface Explanation {
  book: string
  /** `name@version`. */
  version: string
  currency: Currency
  service: string
  provider: string
  model?: string
  /** The moment that priced the call, ISO 8601, UTC. */
  at: string
  /** Name of the time window whose prices applied. */
  window?: string
  /** The charge of each rate. */
  lines: { meter?: string; unit: string; steps: ExplainedStep[]; amount: string }[]
  /** From the sum of the lines to the charge. A rule is absent if the book lacks it or it changed nothing. */
  steps: ExplainedStep[]
  /** Exact, except where the book rounds lines or calls. */
  total: string
  /** What this call alone costs, rounded. Where the book rounds totals, a receipt first sums all calls of a line. */
  charged: string
  source?: string
}

/** Explains a rating: quantity → minimum → increment → included → package or tier → rate → factors → rounding → charge. */
export function explain(rating: Rating): Explanation {
  const { price, query, call, currency } = rating
  const { service, provider, model, at } = query
  const charged = roundedTotal(rating)
  const lines = call.lines.map((line, index) => {
    const steps = lineSteps(line, currency)
    const whole = call.roundedLines?.[index]
    if (whole) steps.push(roundingStep(whole, rating.rounding, currency))
    const { meter, unit } = line.rate
    return { ...(meter !== undefined && { meter }), unit, steps, amount: rationalText(whole ?? line.amount) }
  })
  const steps = callSteps(call, rating.rounding, currency)
  if (rating.rounding.point === 'total') steps.push(roundingStep(charged, rating.rounding, currency))
  return {
    book: rating.book,
    version: rating.version,
    currency,
    service,
    provider,
    ...(model !== undefined && { model }),
    at: new Date(at).toISOString(),
    ...(call.window !== undefined && { window: call.window }),
    lines,
    steps,
    total: rationalText(rating.total),
    charged: rationalText(charged),
    ...(price.entry.source !== undefined && { source: price.entry.source }),
  }
}

/** Formats an explanation as readable text, one line per step. */
export function explanationText(explanation: Explanation): string {
  const { version, service, provider, model, at, window, lines, steps, charged, currency } = explanation
  const step = ({ text, result, unit }: ExplainedStep) => `${text} → ${result} ${unit}`
  return [
    [service, provider, model, `at ${at}`, window && `in window ${window}`, `by ${version}`].filter(Boolean).join(' '),
    ...lines.flatMap((line) => line.steps.map((one) => `  ${step(one)}`)),
    ...steps.map(step),
    `charged ${charged} ${currency}`,
  ].join('\n')
}

function lineSteps(line: RatedLine, currency: Currency): ExplainedStep[] {
  const { rate, packages } = line
  const { unit, minimum_quantity: minimum, increment, included, package: sold } = rate
  const steps: ExplainedStep[] = []
  const step = (rule: ExplainedRule, text: string, result: Rational, of: string = unit) =>
    steps.push({ rule, text, result: rationalText(result), unit: of })
  step('usage', line.usage.map(usageText).join(' + '), line.used)
  if (minimum && differ(line.used, line.atLeast)) {
    step('minimum_quantity', `at least ${minimum.quantity} ${minimum.unit ?? unit}`, line.atLeast)
  }
  if (increment && differ(line.atLeast, line.billed)) {
    step('increment', `in increments of ${increment.first}/${increment.next} ${increment.unit ?? unit}`, line.billed)
  }
  if (included) {
    const paid = subtract(line.billed, line.free)
    const text = `${rationalText(line.free)} ${unit} of ${included.quantity} ${included.unit ?? unit} included by ${included.basis}`
    step('included', text, paid)
  }
  if (packages && sold) step('package', `packages of ${sold.size} ${unit}, by ${sold.basis}`, packages, 'packages')
  steps.push(...rateSteps(line, currency))
  let amount = amountOf(line.portions)
  for (const { name, factor } of line.factors) {
    amount = multiply(amount, factor)
    step('factor', `${name} × ${rationalText(factor)}`, amount, currency)
  }
  return steps
}

function rateSteps({ rate, portions, packages }: RatedLine, currency: Currency): ExplainedStep[] {
  return portions.map(({ tier, quantity, price }) => {
    const tiered = rate.tiers?.steps[tier]
    const amount = tiered?.amount ?? rate.amount
    const per = packages ? 'package' : `${rate.per} ${rate.unit}`
    const where = tiered && `tier ${tier} (${rate.tiers?.mode}${tiered.above ? ` above ${tiered.above}` : ''}): `
    return {
      rule: tiered ? 'tier' : 'rate',
      text: `${where ?? ''}${rationalText(quantity)} ${packages ? 'packages' : rate.unit} × ${amount} per ${per}`,
      result: rationalText(multiply(quantity, price)),
      unit: currency,
    }
  })
}

function callSteps(call: RatedCall, rounding: Rounding, currency: Currency): ExplainedStep[] {
  const steps: ExplainedStep[] = []
  const step = (rule: ExplainedRule, text: string, result: Rational) =>
    steps.push({ rule, text, result: rationalText(result), unit: currency })
  step('lines', call.lines.length === 1 ? 'the line' : `the sum of ${call.lines.length} lines`, call.subtotal)
  if (call.connectFee) {
    step('connect_fee', `connect fee ${rationalText(call.connectFee)}`, add(call.subtotal, call.connectFee))
  }
  if (call.raisedTo) step('minimum_charge', 'minimum charge', call.raisedTo)
  if (call.roundedTo) steps.push(roundingStep(call.roundedTo, rounding, currency))
  if (call.beforeMaximum) step('maximum_charge', `maximum charge, instead of ${rationalText(call.beforeMaximum)}`, call.total)
  return steps
}

function roundingStep(result: Rational, { mode, step, point }: Rounding, currency: Currency): ExplainedStep {
  return { rule: 'rounding', text: `rounded ${mode} to ${step}, by ${point}`, result: rationalText(result), unit: currency }
}

function usageText({ quantity, unit, meter }: UsageQuantity): string {
  return `${formatQuantity(quantity)} ${unit} of ${meter}`
}

function differ(a: Rational, b: Rational): boolean {
  return compare(a, b) !== 0
}
