import fc from 'fast-check'
import { expect, test } from 'vitest'
import { rollupRanges } from './rollups.ts'

const HOUR = 3_600_000
const DAY = 24 * HOUR

test('a breakdown reads whole days, and hours at its ends', () => {
  const noon = Date.UTC(2026, 6, 15, 12)
  expect(rollupRanges(noon + 5, noon + 2 * DAY - 5)).toEqual([
    { period: 'hour', from: noon, to: noon + DAY / 2 },
    { period: 'day', from: noon + DAY / 2, to: noon + DAY * 1.5 },
    { period: 'hour', from: noon + DAY * 1.5, to: noon + 2 * DAY },
  ])
  expect(rollupRanges(noon - DAY / 2, noon + DAY / 2)).toEqual([{ period: 'day', from: noon - DAY / 2, to: noon + DAY / 2 }])
  expect(rollupRanges(noon, noon + HOUR)).toEqual([{ period: 'hour', from: noon, to: noon + HOUR }])
  expect(rollupRanges(noon, noon + 11 * HOUR + 1)).toEqual([{ period: 'hour', from: noon, to: noon + 12 * HOUR }])
})

test('every hour from the first to the last is read once, and no other', () => {
  const time = fc.integer({ min: 0, max: 5 * DAY })
  fc.assert(
    fc.property(time, time, (from, length) => {
      const to = from + length
      const read = rollupRanges(from, to).flatMap((range) => {
        const step = range.period === 'day' ? DAY : HOUR
        const starts = Array.from({ length: (range.to - range.from) / step }, (_, index) => range.from + index * step)
        for (const start of starts) expect(start % step).toBe(0)
        return starts.flatMap((start) => Array.from({ length: step / HOUR }, (_, hour) => start + hour * HOUR))
      })
      const first = Math.floor(from / HOUR)
      const hours = Array.from({ length: Math.max(0, Math.ceil(to / HOUR) - first) }, (_, index) => (first + index) * HOUR)
      expect(read).toEqual(hours)
    }),
  )
})
