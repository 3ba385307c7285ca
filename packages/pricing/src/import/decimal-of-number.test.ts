import fc from 'fast-check'
import { expect, it } from 'vitest'
import { decimalOfNumber } from './decimal-of-number.ts'

it.each<[number, number, string]>([
  [0, 0, '0'],
  [0.15, 0, '0.15'],
  [10, 0, '10'],
  [1.5e-7, 6, '0.15'],
  [5.46875e-7, 6, '0.546875'],
  [0.00010278, 0, '0.00010278'],
  [3e-5, 6, '30'],
  [1.5e-7, 0, '0.00000015'],
  [2.5e3, 0, '2500'],
  [1e-18, 0, '0.000000000000000001'],
])('%d moved by %i is %s', (value, shift, decimal) => {
  expect(decimalOfNumber(value, shift)).toBe(decimal)
})

it.each([Number.NaN, Number.POSITIVE_INFINITY, -1, '1', null, undefined, 1e-25, 1e30])('%s is no price', (value) => {
  expect(decimalOfNumber(value)).toBeUndefined()
})

it('is the number that was written, without the digits of its float', () => {
  fc.assert(
    fc.property(fc.integer({ min: 0, max: 10 ** 9 }), fc.integer({ min: 0, max: 9 }), (digits, places) => {
      const value = digits / 10 ** places
      expect(Number(decimalOfNumber(value))).toBe(value)
      expect(Number(decimalOfNumber(value, 6))).toBe(Number(`${decimalOfNumber(value)}e6`))
    }),
  )
})
