import type { Unit } from '@farebox/core'
import type { Rate } from '../document/rules.ts'
import { decimal, divide, multiply, type Rational } from '../rational.ts'
import { unitsIn } from '../units.ts'
import { type CompiledTiers, compileTiers } from './tiers.ts'

/** Units that convert into each other, so that measured quantities may need converting first. */
const unitsOfTime: ReadonlySet<Unit> = new Set(['seconds', 'minutes'])

/** A rate with its decimals parsed. Quantities are in the rate's unit, prices for one of it. */
export interface CompiledRate {
  rate: Rate
  /** Price of one unit, or of one package. Absent with tiers. */
  price?: Rational
  minimumQuantity?: Rational
  increment?: { first: Rational; next: Rational }
  included?: { quantity: Rational; isByPeriod: boolean }
  package?: { size: Rational; isByPeriod: boolean }
  tiers?: CompiledTiers
  /** If the amount is just price × quantity: that price, or with whole_request tiers the price of each tier. */
  plainPrices?: readonly Rational[]
  /** Whether it depends on earlier usage in the period. */
  isByPeriod: boolean
}

export function compileRate(rate: Rate): CompiledRate {
  const { minimum_quantity: minimum, increment, included, package: sold, tiers, counting } = rate
  const inRate = (text: string, unit = rate.unit): Rational => {
    const factor = unitsIn(rate.unit, unit)
    if (!factor) throw new TypeError(`${unit} cannot be counted in ${rate.unit}`)
    return multiply(decimal(text), factor)
  }
  const compiledTiers = tiers && compileTiers(tiers, rate.per)
  const price = rate.amount === undefined ? undefined : divide(decimal(rate.amount), decimal(rate.per))
  const isPlain = [minimum, increment, included, sold, counting].every((rule) => rule === undefined)
  const tierPrices = compiledTiers?.reachedAt && compiledTiers.steps.map((step) => step.price)
  const plainPrices = price ? [price] : unitsOfTime.has(rate.unit) ? undefined : tierPrices
  return {
    rate,
    ...(price && { price }),
    ...(minimum && { minimumQuantity: inRate(minimum.quantity, minimum.unit) }),
    ...(increment && {
      increment: { first: inRate(increment.first, increment.unit), next: inRate(increment.next, increment.unit) },
    }),
    ...(included && {
      included: { quantity: inRate(included.quantity, included.unit), isByPeriod: included.basis === 'period' },
    }),
    ...(sold && { package: { size: decimal(sold.size), isByPeriod: sold.basis === 'period' } }),
    ...(compiledTiers && { tiers: compiledTiers }),
    ...(isPlain && plainPrices && { plainPrices }),
    isByPeriod: [included, sold, tiers].some((rule) => rule?.basis === 'period'),
  }
}
