import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { formatDecimal, parseDecimal } from './decimal.ts'

/** Whole ones are written in another way than others, and those beyond 2^53 in another than those below. */
const value = fc.oneof(
  fc.bigInt({ min: -(10n ** 9n), max: 10n ** 9n }),
  fc.bigInt({ min: -(10n ** 27n), max: 10n ** 27n }),
  fc.bigInt({ min: -(10n ** 15n), max: 10n ** 15n }).map((whole) => whole * 10n ** 9n),
  fc.constantFrom(0n, 2n ** 53n, -(2n ** 53n), 2n ** 53n - 1n, 9_007_199_254_000_000n, 9_007_199_255_000_000n),
)

describe('decimals', () => {
  it('are read as they were written', () => {
    fc.assert(
      fc.property(value, fc.integer({ min: 0, max: 14 }), (count, decimals) => {
        const text = formatDecimal(count, decimals)
        expect(parseDecimal(text, decimals)).toBe(count)
        expect(text).toMatch(/^-?(0|[1-9]\d*)(\.\d*[1-9])?$/)
      }),
    )
  })

  it.each([
    [0n, 6, '0'],
    [1n, 6, '0.000001'],
    [-2_500_000n, 6, '-2.5'],
    [-3_000_000n, 6, '-3'],
    [-1n, 9, '-0.000000001'],
    [42n, 0, '42'],
    [9_223_372_036_854_775_807n, 6, '9223372036854.775807'],
    [9_223_372_036_854_000_000n, 6, '9223372036854'],
    [10n ** 30n, 6, '1000000000000000000000000'],
  ])('%s in 10^-%i is %s', (count, decimals, text) => {
    expect(formatDecimal(count, decimals)).toBe(text)
  })
})
