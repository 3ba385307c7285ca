import { bigint } from './sql-number.ts'

const HOUR = 3_600_000
const DAY = 24 * HOUR
const WEEK = 7 * DAY
/** 1970-01-05, the first Monday. */
const MONDAY = 4 * DAY

/** Every {@link Granularity}. Days are those of UTC, and weeks begin on Monday. */
export const granularities = ['hour', 'day', 'week', 'month'] as const
/** The length of a bucket of time. */
export type Granularity = (typeof granularities)[number]

/** The start of the bucket that contains `at`, in epoch milliseconds, by UTC. */
export function bucketStart(granularity: Granularity, at: number): number {
  switch (granularity) {
    case 'hour':
      return at - (at % HOUR)
    case 'day':
      return at - (at % DAY)
    case 'week':
      return at - ((at - MONDAY + WEEK) % WEEK)
    case 'month':
      return bucketsLater('month', at, 0)
  }
}

/** The start of the bucket that is `count` buckets after the one that contains `at`, or before it if `count` is negative. */
export function bucketsLater(granularity: Granularity, at: number, count: number): number {
  if (granularity === 'month') {
    const date = new Date(at)
    return Date.UTC(date.getUTCFullYear(), date.getUTCMonth() + count, 1)
  }
  const length = { hour: HOUR, day: DAY, week: WEEK }[granularity]
  return bucketStart(granularity, at) + count * length
}

/** How many buckets the time from `from` to `to` touches. */
export function bucketCount(granularity: Granularity, from: number, to: number): number {
  if (from >= to) return 0
  if (granularity === 'month') {
    const [first, last] = [new Date(from), new Date(to - 1)]
    return (last.getUTCFullYear() - first.getUTCFullYear()) * 12 + last.getUTCMonth() - first.getUTCMonth() + 1
  }
  const length = { hour: HOUR, day: DAY, week: WEEK }[granularity]
  return (bucketStart(granularity, to - 1) - bucketStart(granularity, from)) / length + 1
}

/**
 * SQL for the start of the bucket that contains a column of epoch milliseconds, for times from `from` to `to`, on both databases.
 */
export function bucketSql(granularity: Granularity, column: string, from: number, to: number): string {
  switch (granularity) {
    case 'hour':
      return `${column} - ${column} % ${bigint(HOUR)}`
    case 'day':
      return `${column} - ${column} % ${bigint(DAY)}`
    case 'week':
      return `${column} - (${column} + ${WEEK - MONDAY}) % ${bigint(WEEK)}`
    case 'month':
      return monthSql(column, from, to)
  }
}

/** Months differ in length, and the databases have no common function for them, so each month is listed, latest first. */
function monthSql(column: string, from: number, to: number): string {
  const first = bucketStart('month', from)
  const months = Array.from({ length: bucketCount('month', from, to) }, (_, index) => bucketsLater('month', first, index))
  const choices = months.reverse().map((start) => `WHEN ${column} >= ${start} THEN ${start}`)
  return `CASE ${choices.join(' ')} ELSE ${first} END`
}
