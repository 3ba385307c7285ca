import { TZDate } from '@date-fns/tz'
import type { BudgetPeriod } from '../rows.ts'

const MINUTE = 60_000
const HOUR = 60 * MINUTE

/** A span of time in epoch milliseconds: from its start up to, and without, its end. */
export interface Window {
  start: number
  /** Null for `total`, which never starts again. */
  end: number | null
}

/**
 * The window of a period that contains `now`. Days, weeks and months begin at midnight in the time zone, weeks on Monday, so a day
 * may have 23 or 25 hours; minutes and hours are those of UTC everywhere.
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

/** Whether two names are of one time zone, as here they may be and elsewhere were: Asia/Calcutta is Asia/Kolkata. */
export function isSameZone(a: string, b: string): boolean {
  return a === b || (zoneName(a) !== undefined && zoneName(a) === zoneName(b))
}

/** The name by which this machine knows a zone; `undefined` where it does not. */
function zoneName(timeZone: string): string | undefined {
  try {
    return new Intl.DateTimeFormat('en', { timeZone }).resolvedOptions().timeZone
  } catch {
    return undefined
  }
}

/**
 * The first moment of a day. Where clocks were put forward at midnight that is later than 00:00, which never was; what `TZDate` makes
 * of such a time may still be the day before (in Kathmandu, 1986 began at 00:15). Where they were put back to midnight it was 00:00 twice,
 * and `TZDate` may name the second time (in Vostok, a day of 2023 began two hours before).
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

/** The date on the wall at a moment, as the milliseconds of the same date in UTC. */
function localDate(time: number, timeZone: string): number {
  const local = new TZDate(time, timeZone)
  return Date.UTC(local.getFullYear(), local.getMonth(), local.getDate())
}
