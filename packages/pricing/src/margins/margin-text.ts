import { compare, divide, multiply, type Rational, rational, rationalText, subtract, ZERO } from '../rational.ts'
import { compileRounding, rounded } from '../rules/rounding.ts'

const NANO = compileRounding({ mode: 'half_up', step: '0.000000001', point: 'line' })
const NANO_UP = compileRounding({ mode: 'up', step: '0.000000001', point: 'line' })
const TENTH = compileRounding({ mode: 'half_up', step: '0.1', point: 'line' })

/** Formats an amount with at most nine decimal places, rounded up. */
export function textNotBelow(amount: Rational): string {
  return rationalText(rounded(amount, NANO_UP))
}

/** Formats an amount with at most nine decimal places. */
export function usdText(amount: Rational): string {
  return rationalText(rounded(amount, NANO))
}

/** What remains of a price after the cost, in percent with one decimal place. `undefined` if nothing is charged. */
export function marginPercent(sold: Rational, cost: Rational): string | undefined {
  if (compare(sold, ZERO) <= 0) return undefined
  return rationalText(rounded(multiply(divide(subtract(sold, cost), sold), rational(100n)), TENTH))
}
