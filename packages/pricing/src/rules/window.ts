import { days, type PriceWindow } from '../document/rules.ts'
import { dayBefore, type LocalTime, localTime } from './local-time.ts'

/**
 * Whether a window contains a moment. A window past midnight belongs to the day on which it begins: `fri` from 22:00 until 06:00
 * contains Saturday at 02:00.
 *
 * @param at  epoch milliseconds, UTC
 */
export function holdsMoment(window: PriceWindow, at: number): boolean {
  const now = localTime(at, window.zone)
  const from = minuteOf(window.from ?? '00:00')
  const until = minuteOf(window.until ?? '00:00')
  if (from < until) return now.minute >= from && now.minute < until && beginsOn(window, now)
  if (now.minute >= from && beginsOn(window, now)) return true
  return now.minute < until && beginsOn(window, dayBefore(now))
}

function beginsOn(window: PriceWindow, { day, weekday }: Pick<LocalTime, 'day' | 'weekday'>): boolean {
  const { days: named, first_day: first, last_day: last } = window
  if (first !== undefined && day < first) return false
  if (last !== undefined && day > last) return false
  const name = days[weekday]
  return named === undefined || (name !== undefined && named.includes(name))
}

function minuteOf(time: string): number {
  return Number(time.slice(0, 2)) * 60 + Number(time.slice(3))
}
