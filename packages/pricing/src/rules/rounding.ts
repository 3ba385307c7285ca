import type { Rounding, RoundingMode } from '../document/rules.ts'
import { ceiling, decimal, divide, floor, multiply, type Rational, rational } from '../rational.ts'

/** Rounding with its step read once. */
export interface CompiledRounding {
  rule: Rounding
  step: Rational
}

export function compileRounding(rule: Rounding): CompiledRounding {
  return { rule, step: decimal(rule.step) }
}

/** The multiple of the step that the mode says. Amounts below zero round as their place on the number line says: up is towards more. */
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
