import { locale } from '../locale.ts'

/** The width of a chart's buckets. They are in UTC, as in the API. */
export type Granularity = 'hour' | 'day' | 'week' | 'month'

/** A time range that the user can choose. */
export type RangeName = '24h' | '7d' | '30d' | '90d' | '12m'

export const rangeNames: readonly (readonly [name: RangeName, label: string])[] = [
  ['24h', '24 hours'],
  ['7d', '7 days'],
  ['30d', '30 days'],
  ['90d', '13 weeks'],
  ['12m', '12 months'],
]

const SHAPES: Readonly<Record<RangeName, { granularity: Granularity; count: number }>> = {
  '24h': { granularity: 'hour', count: 24 },
  '7d': { granularity: 'day', count: 7 },
  '30d': { granularity: 'day', count: 30 },
  '90d': { granularity: 'week', count: 13 },
  '12m': { granularity: 'month', count: 12 },
}

/** A time range up to now, with the starts of its buckets. The last bucket is still open. */
export interface Range {
  name: RangeName
  granularity: Granularity
  from: Date
  buckets: Date[]
  /** The range of equal length before it, up to the same point in its last bucket, for comparison. */
  before: { from: Date; to: Date }
}

/** @param now  epoch milliseconds */
export function rangeOf(name: RangeName, now: number): Range {
  const { granularity, count } = SHAPES[name]
  const current = bucketStart(granularity, new Date(now))
  const buckets = Array.from({ length: count }, (_, index) => bucketsLater(granularity, current, index - count + 1))
  const from = buckets[0] ?? current
  const before = { from: bucketsLater(granularity, from, -count), to: bucketsLater(granularity, new Date(now), -count) }
  return { name, granularity, from, buckets, before }
}

/** The buckets of a range, and those that follow up to the one that contains an instant, in epoch milliseconds. */
export function bucketsUpTo({ granularity, buckets }: Range, at: number): Date[] {
  const all = [...buckets]
  for (let last = all.at(-1); last !== undefined; last = all.at(-1)) {
    const next = bucketsLater(granularity, last, 1)
    // An answer of another server may have no instant there, which is neither before nor after any.
    if (!(next.getTime() <= at)) break
    all.push(next)
  }
  return all
}

/** Checks a range name from an address, which may contain anything. */
export function isRangeName(text: string | null): text is RangeName {
  return text !== null && Object.hasOwn(SHAPES, text)
}

/** The start of the bucket that contains an instant. Weeks begin on Monday. */
export function bucketStart(granularity: Granularity, at: Date): Date {
  const [year, month, date] = [at.getUTCFullYear(), at.getUTCMonth(), at.getUTCDate()]
  if (granularity === 'hour') return new Date(Date.UTC(year, month, date, at.getUTCHours()))
  if (granularity === 'day') return new Date(Date.UTC(year, month, date))
  if (granularity === 'week') return new Date(Date.UTC(year, month, date - ((at.getUTCDay() + 6) % 7)))
  return new Date(Date.UTC(year, month, 1))
}

/** The instant `count` buckets later, or earlier if `count` is negative. */
export function bucketsLater(granularity: Granularity, at: Date, count: number): Date {
  const later = new Date(at)
  if (granularity === 'hour') later.setUTCHours(later.getUTCHours() + count)
  else if (granularity === 'day') later.setUTCDate(later.getUTCDate() + count)
  else if (granularity === 'week') later.setUTCDate(later.getUTCDate() + 7 * count)
  else {
    // The 31st becomes the last day of a shorter month.
    const date = later.getUTCDate()
    later.setUTCDate(1)
    later.setUTCMonth(later.getUTCMonth() + count)
    later.setUTCDate(Math.min(date, new Date(Date.UTC(later.getUTCFullYear(), later.getUTCMonth() + 1, 0)).getUTCDate()))
  }
  return later
}

const LABELS: Readonly<Record<Granularity, Intl.DateTimeFormat>> = {
  hour: new Intl.DateTimeFormat(locale, { timeZone: 'UTC', hour: '2-digit', minute: '2-digit' }),
  day: new Intl.DateTimeFormat(locale, { timeZone: 'UTC', month: 'short', day: 'numeric' }),
  week: new Intl.DateTimeFormat(locale, { timeZone: 'UTC', month: 'short', day: 'numeric' }),
  month: new Intl.DateTimeFormat(locale, { timeZone: 'UTC', month: 'short', year: '2-digit' }),
}

const TITLES: Readonly<Record<Granularity, Intl.DateTimeFormat>> = {
  hour: new Intl.DateTimeFormat(locale, {
    timeZone: 'UTC',
    weekday: 'short',
    month: 'short',
    day: 'numeric',
    hour: '2-digit',
    minute: '2-digit',
  }),
  day: new Intl.DateTimeFormat(locale, { timeZone: 'UTC', weekday: 'short', month: 'short', day: 'numeric' }),
  week: new Intl.DateTimeFormat(locale, { timeZone: 'UTC', month: 'short', day: 'numeric', year: 'numeric' }),
  month: new Intl.DateTimeFormat(locale, { timeZone: 'UTC', month: 'long', year: 'numeric' }),
}

/** The label of a bucket beneath an axis. */
export const bucketLabel = (granularity: Granularity, at: Date): string => LABELS[granularity].format(at)

/** The title of a bucket on its own. */
export function bucketTitle(granularity: Granularity, at: Date): string {
  return `${granularity === 'week' ? 'Week of ' : ''}${TITLES[granularity].format(at)}${granularity === 'hour' ? ' UTC' : ''}`
}
