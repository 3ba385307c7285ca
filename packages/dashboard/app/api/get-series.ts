import type { Granularity } from '../state/ranges.ts'
import { getJson } from './get-json.ts'

/** What the parts of a bucket are by. */
export type SeriesGroup = 'none' | 'workflow' | 'service' | 'provider' | 'api_key' | 'user'

/** What was used in one bucket by one name. Credits are whole. */
export interface SeriesEntry {
  /** RFC 3339, UTC. */
  starts_at: string
  /** `null`: what is by none. */
  name: string | null
  total_credits: number
  usage_count: number
}

interface SeriesPage {
  series: SeriesEntry[]
  next_cursor?: string | null
}

/** Pages of a series that are read at most; more names than that fit no chart. */
const PAGES_MAX = 20

/** Usage over time, all pages of it. Buckets in which nothing was used are left out. */
export async function getSeries(
  { granularity, groupBy, from, to }: { granularity: Granularity; groupBy: SeriesGroup; from: Date; to?: Date },
  signal?: AbortSignal,
): Promise<SeriesEntry[]> {
  const entries: SeriesEntry[] = []
  let cursor: string | undefined
  for (let page = 0; page < PAGES_MAX; page++) {
    const query = { granularity, group_by: groupBy, from: from.toISOString(), to: to?.toISOString(), limit: 1_000, cursor }
    const { series, next_cursor } = await getJson<SeriesPage>('/usage/series', query, signal)
    entries.push(...series)
    if (!next_cursor) break
    cursor = next_cursor
  }
  return entries
}
