import { greatest, type Rational } from '../rational.ts'

/** Raises usage to the minimum, unless it is zero. */
export function atLeast(used: Rational, minimum: Rational): Rational {
  return used.numerator === 0n ? used : greatest(used, minimum)
}
