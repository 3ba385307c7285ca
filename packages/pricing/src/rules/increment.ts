import { add, ceiling, compare, divide, multiply, type Rational, rational, subtract } from '../rational.ts'

/** Rounds usage up to billing increments: at least `first`, then whole multiples of `next`. Zero stays zero. */
export function incremented(used: Rational, { first, next }: { first: Rational; next: Rational }): Rational {
  if (used.numerator === 0n) return used
  if (compare(used, first) <= 0) return first
  return add(first, multiply(next, rational(ceiling(divide(subtract(used, first), next)))))
}
