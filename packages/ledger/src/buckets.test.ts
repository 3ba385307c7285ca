import { expect, test } from 'vitest'
import { bucketCount, bucketStart, bucketsLater, granularities } from './buckets.ts'

const at = (text: string) => Date.parse(text)

test.each([
  ['hour', '2026-07-15T12:59:59.999Z', '2026-07-15T12:00:00Z'],
  ['day', '2026-07-15T23:59:59.999Z', '2026-07-15T00:00:00Z'],
  ['week', '2026-07-12T23:59:59.999Z', '2026-07-06T00:00:00Z'],
  ['week', '2026-07-13T00:00:00Z', '2026-07-13T00:00:00Z'],
  ['week', '1970-01-05T00:00:00Z', '1970-01-05T00:00:00Z'],
  ['month', '2028-02-29T23:59:59.999Z', '2028-02-01T00:00:00Z'],
] as const)('a %s begins as the calendar says', (granularity, inside, start) => {
  expect(bucketStart(granularity, at(inside))).toBe(at(start))
})

test('buckets are counted as they are walked, whatever their length', () => {
  const from = at('2026-01-15T05:30:00Z')
  for (const granularity of granularities) {
    for (const count of [1, 2, 11, 12, 13, 60]) {
      const end = bucketsLater(granularity, from, count)
      expect(bucketCount(granularity, from, end)).toBe(count)
      expect(bucketCount(granularity, from, end + 1)).toBe(count + 1)
      expect(bucketsLater(granularity, end, -count)).toBe(bucketStart(granularity, from))
    }
    expect(bucketCount(granularity, from, from)).toBe(0)
  }
})
