import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { ceiling, compare, floor, leastCommonMultiple, type Rational, rational, rationalText, reduce } from './rational.ts'

const fraction = fc
  .tuple(fc.bigInt({ min: -(10n ** 20n), max: 10n ** 20n }), fc.bigInt({ min: 1n, max: 10n ** 12n }))
  .map(([numerator, denominator]) => rational(numerator, denominator))

const negative = ({ numerator, denominator }: Rational) => rational(-numerator, denominator)

describe('a fraction', () => {
  it('lies between its floor and its ceiling, which are the nearest whole numbers', () => {
    fc.assert(
      fc.property(fraction, (value) => {
        const [below, above] = [floor(value), ceiling(value)]
        expect(compare(rational(below), value)).toBeLessThanOrEqual(0)
        expect(compare(rational(above), value)).toBeGreaterThanOrEqual(0)
        expect(above - below).toBe(reduce(value).denominator === 1n ? 0n : 1n)
        expect(floor(negative(value))).toBe(-above)
      }),
    )
  })

  it.each([
    [3n, 2n, 1n, 2n],
    [-3n, 2n, -2n, -1n],
    [4n, 2n, 2n, 2n],
    [-4n, 2n, -2n, -2n],
    [0n, 7n, 0n, 0n],
    [-1n, 3n, -1n, 0n],
    [1n, 3n, 0n, 1n],
  ])('%s/%s is from %s to %s', (numerator, denominator, below, above) => {
    expect([floor(rational(numerator, denominator)), ceiling(rational(numerator, denominator))]).toEqual([below, above])
  })

  it('is written as the shortest decimal, or as a fraction where none is exact', () => {
    const of = (numerator: bigint, denominator: bigint) => rationalText(rational(numerator, denominator))
    expect([of(2n, 5n), of(-5n, 2n), of(0n, 3n), of(6n, 3n), of(2n, 6n)]).toEqual(['0.4', '-2.5', '0', '2', '1/3'])
  })
})

it('the least common multiple is one of both, and no smaller number is', () => {
  expect([leastCommonMultiple(4n, 6n), leastCommonMultiple(5n, 7n), leastCommonMultiple(8n, 8n)]).toEqual([12n, 35n, 8n])
})
