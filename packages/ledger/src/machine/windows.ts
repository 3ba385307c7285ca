import { TZDate } from '@date-fns/tz'
import type { BudgetPeriod } from '../rows.ts'

const MINUTE = 60_000
const HOUR = 60 * MINUTE

/** A span of time in epoch milliseconds, without its end. */
export interface Window {
  start: number
  /** Null for `total`, which never starts again. */
  end: number | null
}

/**
 * The window of a period that contains `now`. Days, weeks and months begin at midnight in the time zone, and weeks on Monday, so
 * a day may have 23 or 25 hours. Minutes and hours are those of UTC in every zone.
 */
export function windowOf(period: BudgetPeriod, timeZone: string, now: number): Window {
  if (period === 'total') return { start: 0, end: null }
  if (period === 'minute' || period === 'hour') {
    const length = period === 'minute' ? MINUTE : HOUR
    const start = now - (now % length)
    return { start, end: start + length }
  }
  const today = new TZDate(now, timeZone)
  const [year, month, day] = [today.getFullYear(), today.getMonth(), today.getDate()]
  const midnight = (months: number, days: number): number => beginOfDay(year, month + months, days, timeZone)
  if (period === 'month') return { start: midnight(0, 1), end: midnight(1, 1) }
  if (period === 'day') return { start: midnight(0, day), end: midnight(0, day + 1) }
  const monday = day - ((today.getDay() + 6) % 7)
  return { start: midnight(0, monday), end: midnight(0, monday + 7) }
}

/** Whether two names mean the same time zone, since machines may name it differently: Asia/Calcutta is Asia/Kolkata. */
export function isSameZone(a: string, b: string): boolean {
  return a === b || (zoneName(a) !== undefined && zoneName(a) === zoneName(b))
}

/** The name by which this machine knows a zone, or `undefined` if it does not. */
function zoneName(timeZone: string): string | undefined {
  try {
    return new Intl.DateTimeFormat('en', { timeZone }).resolvedOptions().timeZone
  } catch {
    return undefined
  }
}

/**
 * The first moment of a day. If clocks went forward at midnight, 00:00 never happened, and what `TZDate` makes of it may still be
 * on the day before (in Kathmandu, 1986 began at 00:15). If they went back to midnight, 00:00 happened twice, and `TZDate` may
 * return the second (in Vostok, a day of 2023 began two hours earlier).
 */
function beginOfDay(year: number, month: number, day: number, timeZone: string): number {
  const time = new TZDate(year, month, day, timeZone).getTime()
  const wanted = Date.UTC(year, month, day)
  const isBegun = (at: number) => localDate(at, timeZone) >= wanted
  if (isBegun(time) && !isBegun(time - 1)) return time
  let [before, since] = isBegun(time) ? [time - 24 * HOUR, time] : [time, time + 24 * HOUR]
  while (since - before > 1) {
    const middle = Math.floor((before + since) / 2)
    if (isBegun(middle)) since = middle
    else before = middle
  }
  return since
}

/** The local date at a moment, as the epoch milliseconds of the same date in UTC. */
function localDate(time: number, timeZone: string): number {
  const local = new TZDate(time, timeZone)
  return Date.UTC(local.getFullYear(), local.getMonth(), local.getDate())
}
