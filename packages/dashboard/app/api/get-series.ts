import type { UsageSeries, UsageSeriesEntry } from '@farebox/client'
import type { Granularity } from '../state/ranges.ts'
import { getJson } from './get-json.ts'

/** What the parts of a bucket are by. */
export type SeriesGroup = UsageSeries['group_by']

/** Pages of a series that are read at most; more names than that fit no chart. */
const PAGES_MAX = 20

/** Usage over time, all pages of it. Buckets in which nothing was used are left out. */
export async function getSeries(
  { granularity, groupBy, from, to }: { granularity: Granularity; groupBy: SeriesGroup; from: Date; to?: Date },
  signal?: AbortSignal,
): Promise<UsageSeriesEntry[]> {
  const entries: UsageSeriesEntry[] = []
  let cursor: string | undefined
  for (let page = 0; page < PAGES_MAX; page++) {
    const query = { granularity, group_by: groupBy, from: from.toISOString(), to: to?.toISOString(), limit: 1_000, cursor }
    const { series, next_cursor } = await getJson<UsageSeries>('/usage/series', query, signal)
    entries.push(...series)
    if (!next_cursor) break
    cursor = next_cursor
  }
  return entries
}
