import { checkText } from './check-input.ts'
import type { Query } from './driver.ts'
import type { BreakdownFilter } from './reader.ts'
import { rollupRanges } from './rollups.ts'

/** The last moment of a `Date`, at the end of a day. */
const END_OF_TIME = 8_640_000_000_000_000

/**
 * Sums `counters` of rollups over the time and the scope of a filter, grouped by `dimensions`, the largest charge first. Each range of
 * rollups is read by itself, from the start of the primary key.
 */
export function rollupQuery(
  table: 'usage_rollups' | 'workflow_rollups',
  dimensions: readonly string[],
  counters: readonly string[],
  filter: BreakdownFilter,
): Pick<Query, 'text' | 'values'> {
  const { accountId, from, to } = filter
  const ranges = rollupRanges(from ?? 0, to ?? END_OF_TIME)
  const scope = scopeOf(filter)
  const columns = [...dimensions, ...counters].join(', ')
  const conditions = ['account_id = ?', 'period = ?', 'starts_at >= ?', 'starts_at < ?', ...scope.map(([name]) => `${name} = ?`)]
  const read = `SELECT ${columns} FROM {${table}} WHERE ${conditions.join(' AND ')}`
  const sums = counters.map((name) => `SUM(${name})`).join(', ')
  const group = dimensions.join(', ')
  return {
    text: `SELECT ${group}, ${sums} FROM (${ranges.map(() => read).join(' UNION ALL ')}) AS rollups GROUP BY ${group} ORDER BY SUM(charged) DESC, ${group}`,
    values: ranges.flatMap((range) => [
      checkText('accountId', accountId),
      range.period,
      range.from,
      range.to,
      ...scope.map(([, value]) => value),
    ]),
  }
}

/** The columns that a filter fixes, with their values. */
export function scopeOf(filter: BreakdownFilter): [column: string, value: string][] {
  const { apiKeyId, userId, workflowName, service, provider } = filter
  const scope = { service, provider, api_key_id: apiKeyId, user_id: userId, workflow_name: workflowName }
  return Object.entries(scope).filter((entry): entry is [string, string] => entry[1] !== undefined)
}
