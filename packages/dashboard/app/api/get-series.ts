import type { UsageSeries, UsageSeriesEntry } from '@farebox/client'
import { credits, exactCredits } from '../format.ts'
import type { Granularity } from '../state/ranges.ts'
import { AskError, getJson } from './get-json.ts'

/** What the usage in each bucket is grouped by. */
export type SeriesGroup = UsageSeries['group_by']

/** The entries per page, and the most pages to read: more would keep a browser busy. */
const PAGE = 10_000
const PAGES_MAX = 5

/** What one group used in one bucket of time, in exact credits: a sum of amounts rounded up would grow with their number. */
export type SeriesEntry = Pick<UsageSeriesEntry, 'starts_at' | 'name' | 'total_credits'>

/**
 * Reads all pages of usage over time. Empty buckets are left out.
 *
 * @throws {AskError} the request failed, or there are more pages than are read, and a part would look like the whole
 */
export async function getSeries(
  { granularity, groupBy, from, to }: { granularity: Granularity; groupBy: SeriesGroup; from: Date; to?: Date },
  signal?: AbortSignal,
): Promise<SeriesEntry[]> {
  const entries: SeriesEntry[] = []
  let cursor: string | undefined
  for (let page = 0; page < PAGES_MAX; page++) {
    const query = { granularity, group_by: groupBy, from: from.toISOString(), to: to?.toISOString(), limit: PAGE, cursor }
    const { series, next_cursor } = await getJson<UsageSeries>('/usage/series', query, signal)
    // An older server gives whole credits alone.
    for (const { starts_at, name, total_credits, total_credits_exact } of series)
      entries.push({ starts_at, name, total_credits: exactCredits(total_credits, total_credits_exact) })
    if (!next_cursor) return entries
    cursor = next_cursor
  }
  const most = credits(PAGE * PAGES_MAX)
  throw new AskError(422, 'TOO_MUCH_TO_SHOW', `there are more than ${most} amounts in this time, too many to show`)
}
