import type { BreakdownFilter } from './breakdowns.ts'
import { checkInteger, checkText } from './check-input.ts'
import type { LedgerDriver, Query } from './driver.ts'
import { type RollupRange, type SignedRollupRange, signedRollupRanges } from './rollups.ts'
import { CARRY, tables } from './tables.ts'

/** The last moment of a `Date`, at the end of a day. */
const END_OF_TIME = 8_640_000_000_000_000
/**
 * More rows than there are. Postgres does not share out among processes what has a limit: to start them takes ten times as long as
 * to read some thousand rows, which it expects to be slower than it is.
 */
const ALL_ROWS = 9_000_000_000_000_000

/**
 * Where an amount is cut in two to be added up: SQLite fails where a sum is more than a 64-bit integer, and either part may be added some
 * billion times before it is.
 */
export const HALF = 1_000_000_000n

/** Sums of `counters` over rollups, by property, of one value of each of the `dimensions`. */
export type RollupTotals<Dimension extends string, Counter extends string> = Record<Dimension, string> & Record<Counter, bigint>

/**
 * Sums `counters` of rollups over the time and the scope of a filter, grouped by `dimensions`, the largest charge first. However large
 * they are: the parts of a sum are put together here.
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
  // What was used in nothing but the hours that are taken away was not used at all.
  return totals
    .filter((row) => counters.some((counter) => row[counter] !== 0n))
    .sort((a, b) => (a.charged === b.charged ? 0 : a.charged < b.charged ? 1 : -1))
}

function partsOf(property: string, name: string): { key: string; sql: string }[] {
  return [
    { key: `${property}High`, sql: `SUM(${name} / ${HALF})` },
    { key: `${property}Low`, sql: `SUM(${name} % ${HALF})` },
  ]
}

/** The rollups of an account in the scope of a filter. Each range of them is read by itself, from the start of the primary key. */
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

/** The columns that a filter fixes, with their values. */
function scopeOf(filter: BreakdownFilter): [column: string, value: string][] {
  const { apiKeyId, userId, workflowName, service, provider } = filter
  const scope = { service, provider, api_key_id: apiKeyId, user_id: userId, workflow_name: workflowName }
  return Object.entries(scope).filter((entry): entry is [string, string] => entry[1] !== undefined)
}
