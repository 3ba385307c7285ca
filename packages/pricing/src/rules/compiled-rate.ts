import type { Rate } from '../document/rules.ts'
import { decimal, divide, multiply, type Rational } from '../rational.ts'
import { unitsIn } from '../units.ts'
import { type CompiledTiers, compileTiers } from './tiers.ts'

/** A rate with its decimals read once. Quantities are in the rate's unit, prices for one of it. */
export interface CompiledRate {
  rate: Rate
  /** Price of one unit, or of one package; absent where there are tiers. */
  price?: Rational
  minimumQuantity?: Rational
  increment?: { first: Rational; next: Rational }
  included?: { quantity: Rational; isByPeriod: boolean }
  package?: { size: Rational; isByPeriod: boolean }
  tiers?: CompiledTiers
  /** Whether an amount is price × quantity, and nothing else. */
  isPlain: boolean
  /** Whether it asks what was used in the period before the call. */
  isByPeriod: boolean
}

export function compileRate(rate: Rate): CompiledRate {
  const { minimum_quantity: minimum, increment, included, package: sold, tiers, counting } = rate
  const inRate = (text: string, unit = rate.unit): Rational => {
    const factor = unitsIn(rate.unit, unit)
    if (!factor) throw new TypeError(`${unit} cannot be counted in ${rate.unit}`)
    return multiply(decimal(text), factor)
  }
  const rules = [minimum, increment, included, sold, tiers]
  return {
    rate,
    ...(rate.amount !== undefined && { price: divide(decimal(rate.amount), decimal(rate.per)) }),
    ...(minimum && { minimumQuantity: inRate(minimum.quantity, minimum.unit) }),
    ...(increment && {
      increment: { first: inRate(increment.first, increment.unit), next: inRate(increment.next, increment.unit) },
    }),
    ...(included && {
      included: { quantity: inRate(included.quantity, included.unit), isByPeriod: included.basis === 'period' },
    }),
    ...(sold && { package: { size: decimal(sold.size), isByPeriod: sold.basis === 'period' } }),
    ...(tiers && { tiers: compileTiers(tiers, rate.per) }),
    isPlain: counting === undefined && rules.every((rule) => rule === undefined),
    isByPeriod: [included, sold, tiers].some((rule) => rule?.basis === 'period'),
  }
}
