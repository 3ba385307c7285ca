/** A moment as clocks and calendars show it somewhere. */
export interface LocalTime {
  /** `2026-11-21`. */
  day: string
  /** From 0 for Monday to 6 for Sunday. */
  weekday: number
  /** Minutes since local midnight, as the clock shows them. */
  minute: number
}

const DAY_MS = 86_400_000
const formats = new Map<string, Intl.DateTimeFormat>()

/**
 * What the clock shows in `zone` at a moment. Going from the moment to the clock is never ambiguous, so an hour that a change of
 * the clocks skips is never met, and one that it repeats is met twice.
 *
 * @param at    epoch milliseconds, UTC
 * @param zone  UTC or an IANA zone
 */
export function localTime(at: number, zone: string): LocalTime {
  const shift = zone === 'UTC' ? 0 : clockMs(at, zone) - at
  return utcTime(at + shift)
}

/** The day before a local day: `2026-11-20`, and Friday. */
export function dayBefore({ day, weekday }: LocalTime): Pick<LocalTime, 'day' | 'weekday'> {
  return { day: isoDay(Date.parse(day) - DAY_MS), weekday: (weekday + 6) % 7 }
}

/** A clock's reading as if it were UTC's. */
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
  // Making one takes far longer than using it. There are a few hundred zones, and every one was named by a price book.
  if (!found) formats.set(zone, format)
  const parts = Object.fromEntries(format.formatToParts(at).map(({ type, value }) => [type, Number(value)]))
  const { year = 0, month = 1, day = 1, hour = 0, minute = 0, second = 0 } = parts
  return Date.UTC(year, month - 1, day, hour, minute, second)
}

function utcTime(at: number): LocalTime {
  const days = Math.floor(at / DAY_MS)
  // The epoch began on a Thursday.
  return { day: isoDay(at), weekday: (((days + 3) % 7) + 7) % 7, minute: Math.floor((at - days * DAY_MS) / 60_000) }
}

function isoDay(at: number): string {
  return new Date(at).toISOString().slice(0, 10)
}
