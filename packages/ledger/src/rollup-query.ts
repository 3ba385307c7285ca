import type { BreakdownFilter } from './breakdowns.ts'
import { checkText } from './check-input.ts'
import type { Query } from './driver.ts'
import { type RollupRange, type SignedRollupRange, signedRollupRanges } from './rollups.ts'

/** The last moment of a `Date`, at the end of a day. */
const END_OF_TIME = 8_640_000_000_000_000
/**
 * More rows than there are. Postgres does not share out among processes what has a limit: to start them takes ten times as long as
 * to read some thousand rows, which it expects to be slower than it is.
 */
const ALL_ROWS = 9_000_000_000_000_000

/**
 * Sums `counters` of rollups over the time and the scope of a filter, grouped by `dimensions`, the largest charge first.
 */
export function rollupQuery(
  table: RollupTable,
  dimensions: readonly string[],
  counters: readonly string[],
  filter: BreakdownFilter,
): Pick<Query, 'text' | 'values'> {
  const ranges = signedRollupRanges(filter.from ?? 0, filter.to ?? END_OF_TIME)
  const columns = ({ isTakenAway }: SignedRollupRange) => [
    ...dimensions,
    ...counters.map((name) => (isTakenAway ? `-${name} AS ${name}` : name)),
  ]
  const rollups = rollupsOf(table, columns, ranges, filter)
  const sums = counters.map((name) => `SUM(${name})`)
  const group = dimensions.join(', ')
  // What was used in nothing but the hours that are taken away was not used at all.
  const having = ranges.some(({ isTakenAway }) => isTakenAway) ? `HAVING ${sums.map((sum) => `${sum} <> 0`).join(' OR ')}` : ''
  return {
    text: `SELECT ${group}, ${sums.join(', ')} FROM (${rollups.text}) AS rollups GROUP BY ${group} ${having} ORDER BY SUM(charged) DESC, ${group}`,
    values: rollups.values,
  }
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
