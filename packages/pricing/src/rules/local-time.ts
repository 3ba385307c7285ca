import { InvalidOptionError } from '@farebox/core'

/** A moment in local time. */
export interface LocalTime {
  /** `2026-11-21`. */
  day: string
  /** From 0 for Monday to 6 for Sunday. */
  weekday: number
  /** Minutes since midnight on the local clock. */
  minute: number
}

const DAY_MS = 86_400_000
/** The last moment that a `Date` can hold. */
const MOMENT_MAX = 8.64e15
const formats = new Map<string, Intl.DateTimeFormat>()

/**
 * Converts a moment to local time in `zone`. This direction is never ambiguous: an hour that a clock change skips never occurs,
 * and one that it repeats occurs twice.
 *
 * @param at    epoch milliseconds, UTC
 * @param zone  UTC or an IANA zone
 *
 * @throws {InvalidOptionError} the moment, or its local time, is later than any `Date`
 */
export function localTime(at: number, zone: string): LocalTime {
  const local = at > MOMENT_MAX ? Number.NaN : zone === 'UTC' ? at : clockMs(at, zone)
  if (Number.isNaN(local)) throw new InvalidOptionError(`at must be a moment that has a day in ${zone}, received ${at}`)
  return utcTime(local)
}

/** The previous local day, with its weekday. */
export function dayBefore({ day, weekday }: LocalTime): Pick<LocalTime, 'day' | 'weekday'> {
  return { day: isoDay(Date.parse(day) - DAY_MS), weekday: (weekday + 6) % 7 }
}

/** The local clock's reading, as epoch milliseconds as if it were UTC. */
function clockMs(at: number, zone: string): number {
  const found = formats.get(zone)
  const format =
    found ??
    new Intl.DateTimeFormat('en-US', {
      timeZone: zone,
      calendar: 'iso8601',
      numberingSystem: 'latn',
      hourCycle: 'h23',
      year: 'numeric',
      month: 'numeric',
      day: 'numeric',
      hour: 'numeric',
      minute: 'numeric',
      second: 'numeric',
    })
  // Creating a format takes far longer than using it. There are a few hundred zones, and only price books name them.
  if (!found) formats.set(zone, format)
  const parts = Object.fromEntries(format.formatToParts(at).map(({ type, value }) => [type, Number(value)]))
  const { year = 0, month = 1, day = 1, hour = 0, minute = 0, second = 0 } = parts
  return Date.UTC(year, month - 1, day, hour, minute, second)
}

function utcTime(at: number): LocalTime {
  const days = Math.floor(at / DAY_MS)
  // 1 January 1970 was a Thursday.
  return { day: isoDay(at), weekday: (((days + 3) % 7) + 7) % 7, minute: Math.floor((at - days * DAY_MS) / 60_000) }
}

function isoDay(at: number): string {
  return new Date(at).toISOString().slice(0, 10)
}
