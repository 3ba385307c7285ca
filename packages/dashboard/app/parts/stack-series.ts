import type { UsageSeriesEntry } from '@farebox/client'
import { credits } from '../format.ts'

/** One layer of a stacked chart, in its own colour: what one name used in each bucket. */
export interface Layer {
  name: string
  /** A CSS variable. */
  colour: string
  values: number[]
  total: number
}

/** How many names get their own colour. The others are combined. */
const NAMED_MAX = 6

/**
 * Turns the entries of a series into layers over all buckets, the largest first and the combined rest last.
 *
 * @param buckets  the starts of the buckets; entries outside them are left out
 * @param nameOf   returns the display name of an entry
 */
export function stackSeries(
  entries: readonly UsageSeriesEntry[],
  buckets: readonly Date[],
  nameOf: (name: string | null) => string,
): Layer[] {
  const places = new Map(buckets.map((start, place) => [start.getTime(), place]))
  const byName = new Map<string, number[]>()
  for (const { name, starts_at, total_credits } of entries) {
    const place = places.get(new Date(starts_at).getTime())
    if (place === undefined) continue
    const label = nameOf(name)
    const values = byName.get(label) ?? buckets.map(() => 0)
    values[place] = (values[place] ?? 0) + total_credits
    byName.set(label, values)
  }
  const layers = [...byName]
    .map(([name, values]) => ({ name, values, total: sumOf(values) }))
    .sort((one, other) => other.total - one.total || (one.name < other.name ? -1 : 1))
  const named = layers.length <= NAMED_MAX + 1 ? layers : layers.slice(0, NAMED_MAX)
  const rest = layers.slice(named.length)
  const coloured = named.map((layer, place) => ({
    ...layer,
    colour: place < NAMED_MAX ? `var(--series-${place + 1})` : 'var(--series-rest)',
  }))
  if (rest.length === 0) return coloured
  const values = buckets.map((_, place) => sumOf(rest.map((layer) => layer.values[place] ?? 0)))
  return [...coloured, { name: `${credits(rest.length)} others`, values, total: sumOf(values), colour: 'var(--series-rest)' }]
}

function sumOf(values: readonly number[]): number {
  return values.reduce((sum, value) => sum + value, 0)
}
