import type { SeriesEntry } from '../api/get-series.ts'
import { bucketStart, bucketsLater } from '../state/ranges.ts'

/** How fast an account spends, and what that was computed from. */
export interface BurnRate {
  /** Credits per day; 0 if as much was given back as spent. */
  perDay: number
  /** How many full UTC days `perDay` averages; 0 if nothing was spent before today, and `perDay` is today's pace. */
  days: number
  /** Credits spent today so far; negative if more was given back. */
  spentToday: number
  /** How many days the available credits last at that rate; `undefined` if nothing is spent. */
  daysLeft: number | undefined
}

/** The most days to average. */
export const BURN_DAYS = 7
const DAY_MS = 86_400_000
/** Today counts as at least this part of a day, because a burst in its first minutes says little about the rest. */
const PART_MIN = 1 / 4

/**
 * The average of the last seven full days, or of the days since the first spending, if that is later. Today is left out, because
 * it is not over. If nothing was spent before today, the rate extrapolates today's spending to a whole day. What is given back
 * counts on the day on which it is.
 *
 * @param entries    daily entries, at least of the last seven full days
 * @param available  credits that new work may use
 * @param now        epoch milliseconds
 */
export function burnRate(
  entries: readonly Pick<SeriesEntry, 'starts_at' | 'total_credits'>[],
  available: number,
  now: number,
): BurnRate {
  const today = bucketStart('day', new Date(now)).getTime()
  const first = bucketsLater('day', new Date(today), -BURN_DAYS).getTime()
  const totals = entries
    .map(({ starts_at, total_credits }) => ({ at: new Date(starts_at).getTime(), total_credits }))
    .filter(({ at }) => at >= first)
  const full = totals.filter(({ at }) => at < today)
  const spentToday = sum(totals.filter(({ at }) => at >= today))
  const spendings = full.filter(({ total_credits }) => total_credits > 0)
  const days = spendings.length === 0 ? 0 : Math.round((today - Math.min(...spendings.map(({ at }) => at))) / DAY_MS)
  // A refund of what was spent before the first day belongs to none of them.
  const since = full.filter(({ at }) => at >= today - days * DAY_MS)
  const rate = days === 0 ? spentToday / Math.max(PART_MIN, (now - today) / DAY_MS) : sum(since) / days
  const perDay = Math.max(0, rate)
  return { perDay, days, spentToday, daysLeft: perDay === 0 ? undefined : Math.max(0, available) / perDay }
}

function sum(entries: readonly { total_credits: number }[]): number {
  return entries.reduce((total, { total_credits }) => total + total_credits, 0)
}
