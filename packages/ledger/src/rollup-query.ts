import type { BreakdownFilter } from './breakdowns.ts'
import { checkInteger, checkSought, checkText } from './check-input.ts'
import type { LedgerDriver, Query } from './driver.ts'
import { type RollupRange, type SignedRollupRange, signedRollupRanges } from './rollups.ts'
import { bigint } from './sql-number.ts'
import { CARRY, columnName, tables } from './tables.ts'

/** The latest moment that a `Date` can hold, on a day boundary. */
const END_OF_TIME = 8_640_000_000_000_000
/**
 * A limit above any number of rows. Postgres does not run a query with a limit in parallel: starting workers takes ten times as
 * long as reading some thousand rows, which Postgres expects to be slower than it is.
 */
const ALL_ROWS = 9_000_000_000_000_000

/**
 * Splits an amount into two parts that are summed separately. SQLite fails if a sum exceeds a 64-bit integer, and each part can
 * be added some billion times before it does.
 */
export const HALF = 1_000_000_000n

/** The sums of each counter over rollups, for one combination of the dimensions' values. */
export type RollupTotals<Dimension extends string, Counter extends string> = Record<Dimension, string> & Record<Counter, bigint>

/**
 * Sums `counters` of rollups over the time and scope of a filter, grouped by `dimensions`, the largest charge first. The sums may
 * be of any size, since their parts are put together here as bigints.
 */
export async function rollupTotals<Dimension extends string, Counter extends string>(
  reads: LedgerDriver,
  table: RollupTable,
  { dimensions, counters }: { dimensions: readonly Dimension[]; counters: readonly (Counter | 'charged')[] },
  filter: BreakdownFilter,
): Promise<RollupTotals<Dimension, Counter | 'charged'>[]> {
  const ranges = signedRollupRanges(checkInteger('from', filter.from ?? 0), checkInteger('to', filter.to ?? END_OF_TIME))
  const named = (property: string) => tables[table].columns.find((column) => column.property === property)
  const names = (properties: readonly string[]) => properties.map((property) => named(property)?.name ?? property)
  const carries = counters.flatMap((counter) => named(counter)?.carriesTo ?? [])
  const columns = ({ isTakenAway }: SignedRollupRange) => [
    ...names(dimensions),
    ...names([...counters, ...carries]).map((name) => (isTakenAway ? `-${name} AS ${name}` : name)),
  ]
  const parts = counters.flatMap((counter) => partsOf(counter, names([counter])[0] ?? counter))
  const carried = carries.map((carry) => ({ key: carry, sql: `SUM(${names([carry])[0]})` }))
  const rollups = rollupsOf(table, columns, ranges, filter)
  const group = names(dimensions).join(', ')
  const rows = await reads.select({
    text: `SELECT ${group}, ${[...parts, ...carried].map(({ sql }) => sql).join(', ')} FROM (${rollups.text}) AS rollups GROUP BY ${group} ORDER BY ${group}`,
    values: rollups.values,
    columns: Object.fromEntries([
      ...dimensions.map((dimension) => [dimension, 'text'] as const),
      ...[...parts, ...carried].map(({ key }) => [key, 'bigint'] as const),
    ]),
  })
  const totals = rows.map((row) => {
    const amount = (key: string | undefined) => (row[key ?? ''] as bigint | undefined) ?? 0n
    const total = (counter: string) =>
      amount(`${counter}High`) * HALF + amount(`${counter}Low`) + amount(named(counter)?.carriesTo) * CARRY
    return Object.fromEntries([
      ...dimensions.map((dimension) => [dimension, row[dimension]]),
      ...counters.map((counter) => [counter, total(counter)]),
    ]) as RollupTotals<Dimension, Counter | 'charged'>
  })
  // Groups that were used only in the subtracted hours were not used at all.
  return totals
    .filter((row) => counters.some((counter) => row[counter] !== 0n))
    .sort((a, b) => (a.charged === b.charged ? 0 : a.charged < b.charged ? 1 : -1))
}

function partsOf(property: string, name: string): { key: string; sql: string }[] {
  return [
    { key: `${property}High`, sql: `SUM(${name} / ${HALF})` },
    { key: `${property}Low`, sql: `SUM(${name} % ${bigint(HALF)})` },
  ]
}

/** A query for the rollups of an account in the scope of a filter. It reads each range separately, along the primary key. */
export function rollupsOf<Range extends RollupRange>(
  table: RollupTable,
  columns: (range: Range) => readonly string[],
  ranges: readonly Range[],
  filter: BreakdownFilter,
): Pick<Query, 'text' | 'values'> {
  const accountId = checkText('accountId', filter.accountId)
  const scope = scopeOf(filter)
  const conditions = ['account_id = ?', 'period = ?', 'starts_at >= ?', 'starts_at < ?', ...scope.map(([name]) => `${name} = ?`)]
  const where = conditions.join(' AND ')
  const read = (range: Range) =>
    `SELECT * FROM (SELECT ${columns(range).join(', ')} FROM {${table}} WHERE ${where} LIMIT ${ALL_ROWS}) AS read`
  return {
    text: ranges.map(read).join(' UNION ALL '),
    values: ranges.flatMap(({ period, from, to }) => [accountId, period, from, to, ...scope.map(([, value]) => value)]),
  }
}

type RollupTable = 'usage_rollups' | 'workflow_rollups'

/** The columns that a filter restricts, with their values. */
function scopeOf(filter: BreakdownFilter): [column: string, value: string][] {
  const { apiKeyId, userId, workflowName, service, provider } = filter
  const scope = { service, provider, apiKeyId, userId, workflowName }
  return Object.entries(scope).flatMap(([name, value]): [string, string][] =>
    value === undefined ? [] : [[columnName(name), checkSought(name, value)]],
  )
}
