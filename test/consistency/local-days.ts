import type { Dice } from './dice.ts'

export const ZONES = ['UTC', 'America/New_York', 'Asia/Kolkata', 'Pacific/Auckland'] as const
const QUARTER_MS = 900_000
const formats = new Map<string, Intl.DateTimeFormat>()

/** The date in a time zone, as `2026-11-30`. */
function localDate(at: number, timeZone: string): string {
  const known = formats.get(timeZone) ?? new Intl.DateTimeFormat('en-CA', { timeZone, dateStyle: 'short' })
  formats.set(timeZone, known)
  return known.format(at)
}

/** The window that a moment is in, by name: the same one for all moments of the same window. */
export function windowName(period: string, at: number, timeZone: string): string {
  if (period === 'total') return 'always'
  if (period === 'minute') return String(Math.floor(at / 60_000))
  if (period === 'hour') return String(Math.floor(at / 3_600_000))
  const date = localDate(at, timeZone)
  if (period === 'day') return date
  if (period === 'month') return date.slice(0, 7)
  const days = Math.floor(Date.parse(date) / 86_400_000)
  // 1 January 1970 was a Thursday.
  return `week ${Math.floor((days + 3) / 7)}`
}

/** A moment about the next midnight, or the next first of a month, in some time zone. */
export function nextEdge(now: number, dice: Dice): number {
  const zone = dice.pick(ZONES)
  const period = dice.pick(['day', 'day', 'week', 'month'])
  const here = windowName(period, now + 1, zone)
  let at = now - (now % QUARTER_MS)
  while (windowName(period, at, zone) === here || at <= now) at += QUARTER_MS
  return Math.max(now, at + dice.pick([-1, 0, 1]))
}
