/** An exact fraction. The denominator is positive; it is not always in lowest terms, since one division at the end is enough. */
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

export function multiply(a: Rational, b: Rational): Rational {
  return rational(a.numerator * b.numerator, a.denominator * b.denominator)
}

export function divide(a: Rational, b: Rational): Rational {
  return rational(a.numerator * b.denominator, a.denominator * b.numerator)
}

/** Negative, zero or positive, as `a` is below, equal to or above `b`. */
export function compare(a: Rational, b: Rational): number {
  const difference = a.numerator * b.denominator - b.numerator * a.denominator
  return difference < 0n ? -1 : difference > 0n ? 1 : 0
}

/** The least whole number that is not below a fraction of zero or more. */
export function ceiling({ numerator, denominator }: Rational): bigint {
  return (numerator + denominator - 1n) / denominator
}

/** A plain decimal as a fraction; the text was checked by the price book's schema. */
export function decimal(text: string): Rational {
  const [whole = '0', fraction = ''] = text.split('.')
  return rational(BigInt(whole + fraction), 10n ** BigInt(fraction.length))
}

function reduce(value: Rational): Rational {
  let [a, b] = [value.numerator, value.denominator]
  while (b !== 0n) [a, b] = [b, a % b]
  return a === 0n || a === 1n ? value : rational(value.numerator / a, value.denominator / a)
}
