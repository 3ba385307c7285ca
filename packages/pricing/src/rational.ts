/**
 * An exact fraction with a positive denominator. It is not always in lowest terms, because reducing it once at the end is enough.
 */
export interface Rational {
  numerator: bigint
  denominator: bigint
}

export const ZERO: Rational = { numerator: 0n, denominator: 1n }

export function rational(numerator: bigint, denominator = 1n): Rational {
  return { numerator, denominator }
}

export function add(a: Rational, b: Rational): Rational {
  if (a.denominator === b.denominator) return rational(a.numerator + b.numerator, a.denominator)
  return reduce(rational(a.numerator * b.denominator + b.numerator * a.denominator, a.denominator * b.denominator))
}

export function subtract(a: Rational, b: Rational): Rational {
  return add(a, rational(-b.numerator, b.denominator))
}

export function multiply(a: Rational, b: Rational): Rational {
  return rational(a.numerator * b.numerator, a.denominator * b.denominator)
}

/** `b` must be above zero. */
export function divide(a: Rational, b: Rational): Rational {
  return rational(a.numerator * b.denominator, a.denominator * b.numerator)
}

/** Negative, zero or positive if `a` is less than, equal to or greater than `b`. */
export function compare(a: Rational, b: Rational): number {
  const difference = a.numerator * b.denominator - b.numerator * a.denominator
  return difference < 0n ? -1 : difference > 0n ? 1 : 0
}

export function least(a: Rational, b: Rational): Rational {
  return compare(a, b) <= 0 ? a : b
}

export function greatest(a: Rational, b: Rational): Rational {
  return compare(a, b) >= 0 ? a : b
}

/** The greatest integer not above the value. */
export function floor({ numerator, denominator }: Rational): bigint {
  const quotient = numerator / denominator
  return numerator < 0n && quotient * denominator !== numerator ? quotient - 1n : quotient
}

/** The least integer not below the value. */
export function ceiling({ numerator, denominator }: Rational): bigint {
  const quotient = numerator / denominator
  return numerator > 0n && quotient * denominator !== numerator ? quotient + 1n : quotient
}

/** Parses a plain decimal, which the price book's schema has checked. */
export function decimal(text: string): Rational {
  const [whole = '0', fraction = ''] = text.split('.')
  return rational(BigInt(whole + fraction), 10n ** BigInt(fraction.length))
}

/** Reduces a fraction to lowest terms. */
export function reduce(value: Rational): Rational {
  const divisor = greatestCommonDivisor(value.numerator, value.denominator)
  return divisor === 1n ? value : rational(value.numerator / divisor, value.denominator / divisor)
}

export function leastCommonMultiple(a: bigint, b: bigint): bigint {
  return (a / greatestCommonDivisor(a, b)) * b
}

/** Formats a fraction: `0.4`, or `1/3` where no decimal is exact. */
export function rationalText(value: Rational): string {
  const { numerator, denominator } = reduce(value)
  const decimals = decimalsOf(denominator)
  if (decimals === undefined) return `${numerator}/${denominator}`
  const digits = String(((numerator < 0n ? -numerator : numerator) * 10n ** BigInt(decimals)) / denominator).padStart(
    decimals + 1,
    '0',
  )
  const sign = numerator < 0n ? '-' : ''
  return decimals === 0 ? `${sign}${digits}` : `${sign}${digits.slice(0, -decimals)}.${digits.slice(-decimals)}`
}

/** How many decimals `1 / denominator` takes. `undefined` if no number of them is exact. */
function decimalsOf(denominator: bigint): number | undefined {
  let [rest, twos, fives] = [denominator, 0, 0]
  for (; rest % 2n === 0n; rest /= 2n) twos += 1
  for (; rest % 5n === 0n; rest /= 5n) fives += 1
  return rest === 1n ? Math.max(twos, fives) : undefined
}

function greatestCommonDivisor(a: bigint, b: bigint): bigint {
  let [greater, lesser] = [a < 0n ? -a : a, b]
  while (lesser !== 0n) [greater, lesser] = [lesser, greater % lesser]
  return greater
}
