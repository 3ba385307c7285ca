import { add, ceiling, divide, type Rational, rational } from '../rational.ts'

/** How many packages `quantity` takes, beyond those already bought for `before`. */
export function packagesFor(quantity: Rational, size: Rational, before: Rational): Rational {
  const bought = (total: Rational) => ceiling(divide(total, size))
  return rational(bought(add(before, quantity)) - bought(before))
}
