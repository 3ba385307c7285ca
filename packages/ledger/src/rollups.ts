import type { RollupPeriod } from './rows.ts'

const HOUR = 3_600_000
const DAY = 24 * HOUR

/** The rollups that something of `at` counts in: of its hour, and of its day. */
export function rollupsOf(at: number): [hour: RollupStart, day: RollupStart] {
  return [
    { period: 'hour', startsAt: at - (at % HOUR) },
    { period: 'day', startsAt: at - (at % DAY) },
  ]
}

export interface RollupStart {
  period: RollupPeriod
  startsAt: number
}

/** Rollups of one period, from one start up to another, which is not among them. */
export interface RollupRange {
  period: RollupPeriod
  from: number
  to: number
}

/**
 * Which rollups add up to the time from `from` to `to`, both taken to whole hours that contain them: days, and hours at both ends. So
 * a breakdown reads as many rows as there are days, however much was used in them.
 */
export function rollupRanges(from: number, to: number): RollupRange[] {
  const begin = from - (from % HOUR)
  const end = Math.ceil(to / HOUR) * HOUR
  const firstDay = Math.ceil(begin / DAY) * DAY
  const lastDay = end - (end % DAY)
  if (firstDay >= lastDay) return [{ period: 'hour', from: begin, to: end }]
  const ranges: RollupRange[] = [
    { period: 'hour', from: begin, to: firstDay },
    { period: 'day', from: firstDay, to: lastDay },
    { period: 'hour', from: lastDay, to: end },
  ]
  return ranges.filter((range) => range.from < range.to)
}
