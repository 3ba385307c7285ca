import { type Credits, microCredits } from '@farebox/core'
import type { BreakdownFilter } from './breakdowns.ts'
import { bucketCount, bucketSql, bucketStart, bucketsLater, type Granularity, granularities } from './buckets.ts'
import { checkInteger, checkOneOf, checkTime } from './check-input.ts'
import type { LedgerDriver, Query } from './driver.ts'
import { InvalidInputError } from './errors.ts'
import { HALF, rollupsOf } from './rollup-query.ts'
import { rollupRanges } from './rollups.ts'

/** What the parts of a bucket are by. `provider` is service and provider in one, as breakdowns name them: `phone_twilio`. */
export const seriesGroups = ['none', 'workflow', 'service', 'provider', 'api_key', 'user'] as const
/** What usage over time is grouped by. */
export type SeriesGroup = (typeof seriesGroups)[number]

/** Which usage a series is of, and how it is cut up. */
export interface UsageSeriesInput extends BreakdownFilter {
  granularity: Granularity
  /** @defaultValue `none`: each bucket as a whole */
  groupBy?: SeriesGroup
  /** The last entry of the page before. @defaultValue the first page */
  after?: SeriesCursor
  /** Entries of a page at most. @defaultValue 1_000 */
  limit?: number
}

/** Where a page of a series ended. */
export interface SeriesCursor {
  startsAt: number
  name: string | null
}

/** What was used in one bucket, by one name. */
export interface SeriesEntry extends SeriesCursor {
  /** Of a workflow, a service, a user, a key's prefix; null where usage has none, and where a series is by none. */
  name: string | null
  charged: Credits
  records: number
}

/** A page of a series, by time and then by name. Buckets in which nothing was used are left out. */
export interface UsageSeries {
  from: number
  to: number
  entries: SeriesEntry[]
  /** Give it as `after` to read on; absent at the end. */
  next?: SeriesCursor
}

/** Buckets of one series at most. */
const SERIES_BUCKETS_MAX = 1_000

const PAGE_MAX = 10_000

/** How many buckets there are where nobody says since when. */
const USUAL = { hour: 48, day: 30, week: 26, month: 12 } as const satisfies Record<Granularity, number>

const names: Record<SeriesGroup, string> = {
  none: `''`,
  workflow: 'workflow_name',
  service: 'service',
  provider: `service || '_' || provider`,
  api_key: 'api_key_id',
  user: 'user_id',
}

/**
 * Usage over time. Like a breakdown it reads sums by day, and by hour where days do not do.
 *
 * @throws {InvalidInputError} `from` is not before `to`, or there are more than {@link SERIES_BUCKETS_MAX} buckets between them
 */
export async function usageSeries(reads: LedgerDriver, input: UsageSeriesInput): Promise<UsageSeries> {
  const granularity = checkOneOf('granularity', input.granularity, granularities)
  const group = checkOneOf('groupBy', input.groupBy ?? 'none', seriesGroups)
  const limit = checkInteger('limit', input.limit ?? 1_000)
  if (limit < 1 || limit > PAGE_MAX) throw new InvalidInputError('limit', `must be from 1 to ${PAGE_MAX}, received ${limit}`)
  const to = input.to === undefined ? await reads.now() : checkTime('to', input.to)
  const from = input.from === undefined ? usualStart(granularity, to) : checkTime('from', input.from)
  if (from >= to) throw new InvalidInputError('from', 'must be before to')
  const count = bucketCount(granularity, from, to)
  if (count > SERIES_BUCKETS_MAX) {
    const remedy = granularity === 'month' ? 'ask for less time' : 'ask for less time, or for a coarser granularity'
    throw new InvalidInputError(
      'from',
      `is ${count} ${granularity}s before to, and a series has at most ${SERIES_BUCKETS_MAX}: ${remedy}`,
    )
  }
  // A place behind the end, which nobody was given.
  if (input.after && input.after.startsAt >= to) return { from, to, entries: [] }
  const query = seriesQuery({ ...input, granularity, groupBy: group, from, to, limit: limit + 1 })
  const rows = await reads.select({
    ...query,
    columns: { startsAt: 'integer', name: 'text', high: 'bigint', low: 'bigint', records: 'integer' },
  })
  const entries = (rows as unknown as (SeriesEntry & { name: string; high: bigint; low: bigint })[])
    .slice(0, limit)
    .map(({ high, low, startsAt, name, records }) => ({
      startsAt,
      name: name === '' ? null : name,
      charged: microCredits(high * HALF + low),
      records,
    }))
  const last = entries.at(-1)
  return {
    from,
    to,
    entries,
    ...(rows.length > limit && last && { next: { startsAt: last.startsAt, name: last.name } }),
  }
}

function usualStart(granularity: Granularity, to: number): number {
  return Math.max(0, bucketsLater(granularity, to - 1, 1 - USUAL[granularity]))
}

type SeriesQuery = Required<Pick<UsageSeriesInput, 'accountId' | 'granularity' | 'groupBy' | 'from' | 'to' | 'limit'>> &
  BreakdownFilter &
  Pick<UsageSeriesInput, 'after'>

function seriesQuery(input: SeriesQuery): Pick<Query, 'text' | 'values'> {
  const { granularity, groupBy, from, to, after, limit } = input
  const since = Math.max(from, after?.startsAt ?? 0)
  const ranges = granularity === 'hour' ? hours(since, to) : rollupRanges(since, to)
  const bucket = bucketSql(granularity, 'starts_at', bucketStart('hour', since), to)
  const columns = [
    `${bucket} AS bucket`,
    `${names[groupBy]} AS name`,
    'records',
    'quantity',
    'quantity_carry',
    'charged',
    'shortfall',
  ]
  const rollups = rollupsOf('usage_rollups', () => columns, ranges, input)
  // Attempts that failed are records too, of nothing.
  const used = `${amountSql('charged')} <> 0 OR MAX(quantity) > 0 OR MAX(quantity_carry) > 0 OR ${amountSql('shortfall')} > 0`
  const charged = `SUM(charged / ${HALF}) AS high, SUM(charged % ${HALF}) AS low`
  const grouped = `SELECT bucket, name, ${charged}, SUM(records) AS records FROM (${rollups.text}) AS rollups GROUP BY bucket, name HAVING ${used}`
  const isByKey = groupBy === 'api_key'
  const label = isByKey ? 'COALESCE(api_keys.prefix, named.name)' : 'named.name'
  const prefixes = 'LEFT JOIN {api_keys} AS api_keys ON api_keys.account_id = ? AND api_keys.api_key_id = named.name'
  return {
    text: `SELECT bucket, ${label}, high, low, records FROM (${grouped}) AS named ${isByKey ? prefixes : ''}
      ${after ? `WHERE bucket > ? OR (bucket = ? AND ${label} > ?)` : ''} ORDER BY bucket, ${label} LIMIT ?`,
    values: [
      ...rollups.values,
      ...(isByKey ? [input.accountId] : []),
      ...(after ? [after.startsAt, after.startsAt, after.name ?? ''] : []),
      limit,
    ],
  }
}

/** The sum of an amount, for comparison only: what is more than a 64-bit integer is a rough number on SQLite. */
function amountSql(name: string): string {
  return `(SUM(${name} / ${HALF}) * ${HALF} + SUM(${name} % ${HALF}))`
}

function hours(from: number, to: number) {
  return [{ period: 'hour' as const, from: bucketStart('hour', from), to: bucketsLater('hour', to - 1, 1) }]
}
