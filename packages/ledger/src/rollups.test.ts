import fc from 'fast-check'
import { expect, test } from 'vitest'
import { type RollupRange, rollupRanges, signedRollupRanges } from './rollups.ts'

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

test('sums take from a day the few hours that are not wanted', () => {
  const day = Date.UTC(2026, 6, 15)
  const hours = (from: number, to: number, isTakenAway: boolean) => ({ period: 'hour', from, to, isTakenAway })
  const days = (from: number, to: number) => ({ period: 'day', from, to, isTakenAway: false })
  expect(signedRollupRanges(day + 5 * HOUR, day + 2 * DAY + 7 * HOUR)).toEqual([
    days(day, day + 2 * DAY),
    hours(day, day + 5 * HOUR, true),
    hours(day + 2 * DAY, day + 2 * DAY + 7 * HOUR, false),
  ])
  expect(signedRollupRanges(day + HOUR, day + 23 * HOUR)).toEqual([
    days(day, day + DAY),
    hours(day, day + HOUR, true),
    hours(day + 23 * HOUR, day + DAY, true),
  ])
  // Of these days too little is wanted for that.
  for (const [begin, end] of [
    [13, 23],
    [11, 13],
    [12, 13],
    [12, 36],
  ] as const) {
    const [from, to] = [day + begin * HOUR, day + end * HOUR]
    expect(signedRollupRanges(from, to)).toEqual([hours(from, to, false)])
  }
})

test('sums have every hour from the first to the last once, and at most half a day of hours at either end', () => {
  const time = fc.integer({ min: 0, max: 5 * DAY })
  fc.assert(
    fc.property(time, time, (from, length) => {
      const to = from + length
      const times = new Map<number, number>()
      const ranges = signedRollupRanges(from, to)
      const hoursMax = ranges.length > 1 ? DAY / 2 : DAY
      for (const { period, isTakenAway, ...range } of ranges) {
        if (period === 'hour') expect(range.to - range.from).toBeLessThanOrEqual(hoursMax)
        for (let hour = range.from; hour < range.to; hour += HOUR)
          times.set(hour, (times.get(hour) ?? 0) + (isTakenAway ? -1 : 1))
      }
      expect(rollupsIn(ranges)).toBeLessThanOrEqual(rollupsIn(rollupRanges(from, to)))
      const wanted = new Set(rollupRanges(from, to).flatMap(hoursOf))
      expect(new Set([...times].filter(([, count]) => count !== 0).map(([hour]) => hour))).toEqual(wanted)
      expect([...times.values()].every((count) => count === 0 || count === 1)).toBe(true)
    }),
  )
})

function rollupsIn(ranges: readonly RollupRange[]): number {
  return ranges.reduce((sum, { period, from, to }) => sum + Math.max(0, to - from) / (period === 'day' ? DAY : HOUR), 0)
}

function hoursOf({ from, to }: { from: number; to: number }): number[] {
  return Array.from({ length: Math.max(0, (to - from) / HOUR) }, (_, index) => from + index * HOUR)
}
