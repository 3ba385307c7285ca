import type { UsageSeriesEntry } from '@farebox/client'
import { bucketStart, bucketsLater } from '../state/ranges.ts'

/** How fast an account spends, and what that was computed from. */
export interface BurnRate {
  /** Credits per day. */
  perDay: number
  /** How many full UTC days `perDay` averages; 0 if nothing was spent before today, and `perDay` is today's pace. */
  days: number
  /** Credits spent today so far. */
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
 * it is not over. If nothing was spent before today, the rate extrapolates today's spending to a whole day.
 *
 * @param entries    daily entries, at least of the last seven full days
 * @param available  credits that new work may use
 * @param now        epoch milliseconds
 */
export function burnRate(entries: readonly UsageSeriesEntry[], available: number, now: number): BurnRate {
  const today = bucketStart('day', new Date(now)).getTime()
  const first = bucketsLater('day', new Date(today), -BURN_DAYS).getTime()
  const spendings = entries
    .map(({ starts_at, total_credits }) => ({ at: new Date(starts_at).getTime(), total_credits }))
    .filter(({ at, total_credits }) => at >= first && total_credits > 0)
  const full = spendings.filter(({ at }) => at < today)
  const spentToday = sum(spendings.filter(({ at }) => at >= today))
  const days = full.length === 0 ? 0 : Math.round((today - Math.min(...full.map(({ at }) => at))) / DAY_MS)
  const perDay = days === 0 ? spentToday / Math.max(PART_MIN, (now - today) / DAY_MS) : sum(full) / days
  return { perDay, days, spentToday, daysLeft: perDay === 0 ? undefined : Math.max(0, available) / perDay }
}

function sum(spendings: readonly { total_credits: number }[]): number {
  return spendings.reduce((total, { total_credits }) => total + total_credits, 0)
}
