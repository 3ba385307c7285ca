import type { UsageSeriesEntry } from '@farebox/client'
import { bucketStart, bucketsLater } from '../state/ranges.ts'

/** How fast an account spends, and what that was worked out from. */
export interface BurnRate {
  /** Credits a day. */
  perDay: number
  /** Full days, of UTC, that it is the average of; 0 where nothing was spent before today. */
  days: number
  /** How long what is available lasts at that rate; `undefined` where nothing is spent. */
  daysLeft: number | undefined
}

/** Days that are looked at, at most. */
export const BURN_DAYS = 7

/**
 * The average of the last seven full days, or of those since the first spending, if that is later. Today is left out, because it is not over.
 *
 * @param entries    by day, at least of the last seven full days
 * @param available  credits that new work may use
 * @param now        epoch milliseconds
 */
export function burnRate(entries: readonly UsageSeriesEntry[], available: number, now: number): BurnRate {
  const today = bucketStart('day', new Date(now))
  const first = bucketsLater('day', today, -BURN_DAYS)
  const full = entries
    .map(({ starts_at, total_credits }) => ({ at: new Date(starts_at).getTime(), total_credits }))
    .filter(({ at, total_credits }) => at >= first.getTime() && at < today.getTime() && total_credits > 0)
  const earliest = Math.min(...full.map(({ at }) => at))
  const spent = full.reduce((sum, { total_credits }) => sum + total_credits, 0)
  const days = full.length === 0 ? 0 : Math.round((today.getTime() - earliest) / 86_400_000)
  const perDay = days === 0 ? 0 : spent / days
  return { perDay, days, daysLeft: perDay === 0 ? undefined : Math.max(0, available) / perDay }
}
