import type { UsageSeriesEntry } from '@farebox/client'
import { bucketStart, bucketsLater } from '../state/ranges.ts'

/** How fast an account spends, and what that was worked out from. */
export interface BurnRate {
  /** Credits a day. */
  perDay: number
  /** Full days, of UTC, that it is the average of; 0 where nothing was spent before today, so that it is today's pace. */
  days: number
  /** Credits spent today, which is not over. */
  spentToday: number
  /** How long what is available lasts at that rate; `undefined` where nothing is spent. */
  daysLeft: number | undefined
}

/** Days that are looked at, at most. */
export const BURN_DAYS = 7
const DAY_MS = 86_400_000
/** Today counts as this much of a day at least: a burst in its first minutes says little of the rest. */
const PART_MIN = 1 / 4

/**
 * The average of the last seven full days, or of those since the first spending, if that is later. Today is left out, because it is not over;
 * only where it is all that there is, its spending so far is taken on to a whole day.
 *
 * @param entries    by day, at least of the last seven full days
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
