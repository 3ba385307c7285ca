import { greatest, least, type Rational, subtract, ZERO } from '../rational.ts'

/** How much of `quantity` is free after `before` has used up some of what is included. */
export function freeOf(quantity: Rational, included: Rational, before: Rational): Rational {
  return least(quantity, greatest(ZERO, subtract(included, before)))
}
