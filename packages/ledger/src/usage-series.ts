import { type Credits, microCredits } from '@farebox/core'
import { type BreakdownFilter, filterFields } from './breakdowns.ts'
import { bucketCount, bucketSql, bucketStart, bucketsLater, type Granularity, granularities } from './buckets.ts'
import { checkInteger, checkOneOf, checkSought, checkTime } from './check-input.ts'
import type { LedgerDriver, Query } from './driver.ts'
import { InvalidInputError } from './errors.ts'
import { checkFieldNames, type FieldNames } from './known-fields.ts'
import { HALF, rollupsOf } from './rollup-query.ts'
import { rollupRanges } from './rollups.ts'
import { bigint, numeric } from './sql-number.ts'

/** Every {@link SeriesGroup}. `provider` combines service and provider, such as `phone_twilio`. */
export const seriesGroups = ['none', 'workflow', 'service', 'provider', 'api_key', 'user'] as const
/** What the usage in each bucket is grouped by. */
export type SeriesGroup = (typeof seriesGroups)[number]

/** Which usage a series covers, and how it is divided. */
export interface UsageSeriesInput extends BreakdownFilter {
  granularity: Granularity
  /** @defaultValue `none`: each bucket as a whole */
  groupBy?: SeriesGroup
  /** The `next` of the previous page. @defaultValue the first page */
  after?: SeriesCursor
  /** The most entries on a page. @defaultValue 1_000 */
  limit?: number
}

/** Where a page of a series ended. */
export interface SeriesCursor {
  startsAt: number
  name: string | null
}

/** The usage of one group in one bucket. */
export interface SeriesEntry extends SeriesCursor {
  /** The name of the workflow, service or user, or the prefix of the key. Null for usage without one, and without grouping. */
  name: string | null
  charged: Credits
  records: number
}

/** A page of a series, sorted by time and then by name. Buckets without usage are left out. */
export interface UsageSeries {
  from: number
  to: number
  entries: SeriesEntry[]
  /** Pass it as `after` to get the next page. Absent on the last page. */
  next?: SeriesCursor
}

/** The most buckets in one series. */
const SERIES_BUCKETS_MAX = 1_000

const PAGE_MAX = 10_000

/** The default number of buckets, if `from` is not given. */
const USUAL = { hour: 48, day: 30, week: 26, month: 12 } as const satisfies Record<Granularity, number>

const names: Record<SeriesGroup, string> = {
  none: `''`,
  workflow: 'workflow_name',
  service: 'service',
  provider: `service || '_' || provider`,
  api_key: 'api_key_id',
  user: 'user_id',
}

const seriesFields: FieldNames<UsageSeriesInput> = { ...filterFields, granularity: true, groupBy: true, after: true, limit: true }

/**
 * Usage over time. Like a breakdown, it reads daily sums, and hourly ones where days are too coarse.
 *
 * @throws {InvalidInputError} `from` is not before `to`, or there are more than {@link SERIES_BUCKETS_MAX} buckets between them
 */
export async function usageSeries(reads: LedgerDriver, input: UsageSeriesInput): Promise<UsageSeries> {
  checkFieldNames(input, seriesFields, 'usageSeries()')
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
  if (input.after) {
    checkInteger('after.startsAt', input.after.startsAt)
    checkSought('after.name', input.after.name ?? '')
  }
  // A cursor beyond the end, which the ledger never returned.
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
  const bucket = bucketSql(granularity, 'starts_at', since, to)
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
  // Failed attempts are records too, but of no usage.
  const used = `${amountSql('charged')} <> ${numeric(0)} OR MAX(quantity) > 0 OR MAX(quantity_carry) > 0 OR ${amountSql('shortfall')} > ${numeric(0)}`
  const charged = `SUM(charged / ${HALF}) AS high, SUM(charged % ${bigint(HALF)}) AS low`
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

/** The sum of an amount, for comparison only: beyond a 64-bit integer, SQLite gives an approximate number. */
function amountSql(name: string): string {
  return `(SUM(${name} / ${HALF}) * ${numeric(HALF)} + SUM(${name} % ${bigint(HALF)}))`
}

function hours(from: number, to: number) {
  return [{ period: 'hour' as const, from: bucketStart('hour', from), to: bucketsLater('hour', to - 1, 1) }]
}
