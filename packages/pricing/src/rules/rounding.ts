import type { Rounding, RoundingMode } from '../document/rules.ts'
import { ceiling, decimal, divide, floor, multiply, type Rational, rational } from '../rational.ts'

/** A rounding rule with its step parsed. */
export interface CompiledRounding {
  rule: Rounding
  step: Rational
}

export function compileRounding(rule: Rounding): CompiledRounding {
  return { rule, step: decimal(rule.step) }
}

/**
 * Rounds an amount to a multiple of the step. `up` and `down` follow the number line, so a negative amount rounds up towards
 * zero.
 */
export function rounded(amount: Rational, { rule, step }: CompiledRounding): Rational {
  return multiply(step, rational(wholeOf(divide(amount, step), rule.mode)))
}

function wholeOf(value: Rational, mode: RoundingMode): bigint {
  if (mode === 'up') return ceiling(value)
  const below = floor(value)
  if (mode === 'down') return below
  const twiceBeyond = 2n * (value.numerator - below * value.denominator)
  if (twiceBeyond === value.denominator && mode === 'half_even') return below % 2n === 0n ? below : below + 1n
  return twiceBeyond >= value.denominator ? below + 1n : below
}
