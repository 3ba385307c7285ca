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

/** Rollups to add up, or to take away from the others. */
export interface SignedRollupRange extends RollupRange {
  isTakenAway: boolean
}

/**
 * The same time by fewer rollups, for sums that nothing else is asked of: of a day that is wanted for its most part, the whole is read, and the
 * hours are taken away that are not.
 */
export function signedRollupRanges(from: number, to: number): SignedRollupRange[] {
  const begin = from - (from % HOUR)
  const end = Math.ceil(to / HOUR) * HOUR
  const firstDay = begin % DAY < DAY / 2 ? begin - (begin % DAY) : Math.ceil(begin / DAY) * DAY
  const lastDay = end % DAY > DAY / 2 ? Math.ceil(end / DAY) * DAY : end - (end % DAY)
  // Of a single day both ends are taken away, which may be more than what is wanted.
  const isBrief = lastDay - firstDay === DAY && end - begin <= DAY / 2
  if (firstDay >= lastDay || isBrief) return [{ period: 'hour', from: begin, to: end, isTakenAway: false }]
  const ranges: SignedRollupRange[] = [
    { period: 'day', from: firstDay, to: lastDay, isTakenAway: false },
    { period: 'hour', from: Math.min(begin, firstDay), to: Math.max(begin, firstDay), isTakenAway: firstDay < begin },
    { period: 'hour', from: Math.min(end, lastDay), to: Math.max(end, lastDay), isTakenAway: lastDay > end },
  ]
  return ranges.filter((range) => range.from < range.to)
}
