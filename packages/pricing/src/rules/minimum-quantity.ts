import { greatest, type Rational } from '../rational.ts'

/** What a call is billed at least, if it used anything at all. */
export function atLeast(used: Rational, minimum: Rational): Rational {
  return used.numerator === 0n ? used : greatest(used, minimum)
}
