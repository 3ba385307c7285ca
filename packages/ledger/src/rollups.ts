import type { RollupPeriod } from './rows.ts'

const HOUR = 3_600_000
const DAY = 24 * HOUR

/** The rollups in which something at `at` counts: those of its hour and of its day. */
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

/** The rollups of one period that start from `from` up to, but not including, `to`. */
export interface RollupRange {
  period: RollupPeriod
  from: number
  to: number
}

/**
 * The rollups that add up to the time from `from` to `to`, extended to whole hours: days, with hours at both ends. So the number
 * of rows that a breakdown reads depends on the number of days, however much was used in them.
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

/** Rollups to add, or to subtract from the others. */
export interface SignedRollupRange extends RollupRange {
  isTakenAway: boolean
}

/**
 * Like {@link rollupRanges}, but with fewer rollups, for when only sums are needed. A day that is mostly wanted is read whole,
 * and the hours that are not wanted are subtracted.
 */
export function signedRollupRanges(from: number, to: number): SignedRollupRange[] {
  const begin = from - (from % HOUR)
  const end = Math.ceil(to / HOUR) * HOUR
  const firstDay = begin % DAY < DAY / 2 ? begin - (begin % DAY) : Math.ceil(begin / DAY) * DAY
  const lastDay = end % DAY > DAY / 2 ? Math.ceil(end / DAY) * DAY : end - (end % DAY)
  // For a single day, hours would be subtracted at both ends, which may be more than the hours that are wanted.
  const isBrief = lastDay - firstDay === DAY && end - begin <= DAY / 2
  if (firstDay >= lastDay || isBrief) return [{ period: 'hour', from: begin, to: end, isTakenAway: false }]
  const ranges: SignedRollupRange[] = [
    { period: 'day', from: firstDay, to: lastDay, isTakenAway: false },
    { period: 'hour', from: Math.min(begin, firstDay), to: Math.max(begin, firstDay), isTakenAway: firstDay < begin },
    { period: 'hour', from: Math.min(end, lastDay), to: Math.max(end, lastDay), isTakenAway: lastDay > end },
  ]
  return ranges.filter((range) => range.from < range.to)
}
