import { expect, test } from 'vitest'
import { InvalidQuantityError, QUANTITY_MAX, quantity } from './quantity.ts'

test.each([
  [0, 0n],
  [-0, 0n],
  [1_500, 1_500_000_000n],
  [25.933313, 25_933_313n],
  [0.1 + 0.2, 300_000n],
  [0.000_000_4, 0n],
  ['2.50', 2_500_000n],
  [7n, 7_000_000n],
  [1e12, QUANTITY_MAX],
])('%s units are %s millionths of one', (value, expected) => {
  expect(quantity(value)).toBe(expected)
})

test.each([-1, -0.000_000_1, -1n, '-1', Number.NaN, Number.POSITIVE_INFINITY, 1e12 + 1, 1e300, '', '1e3', ' 1', '0.0000001'])(
  '%s is no quantity',
  (value) => {
    expect(() => quantity(value)).toThrow(InvalidQuantityError)
  },
)
