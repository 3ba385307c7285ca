import type { SeriesEntry } from '../api/get-series.ts'
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
  entries: readonly SeriesEntry[],
  buckets: readonly Date[],
  nameOf: (name: string | null) => string,
): Layer[] {
  const places = new Map(buckets.map((start, place) => [start.getTime(), place]))
  const byName = new Map<string | null, number[]>()
  for (const { name, starts_at, total_credits } of entries) {
    const place = places.get(new Date(starts_at).getTime())
    if (place === undefined) continue
    const values = byName.get(name) ?? buckets.map(() => 0)
    values[place] = (values[place] ?? 0) + total_credits
    byName.set(name, values)
  }
  const labels = labelsOf([...byName.keys()], nameOf)
  const layers = [...byName]
    .map(([name, values]) => ({ name: labels.get(name) ?? '', values, total: sumOf(values) }))
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

/** The display names. Where two would be equal, they tell which is which: `Chat (gpt)` beside a service that is named `Chat`. */
function labelsOf(names: readonly (string | null)[], nameOf: (name: string | null) => string): Map<string | null, string> {
  const counts = new Map<string, number>()
  for (const label of names.map(nameOf)) counts.set(label, (counts.get(label) ?? 0) + 1)
  return new Map(
    names.map((name) => {
      const label = nameOf(name)
      if (counts.get(label) === 1 || name === null) return [name, label]
      return [name, label === name ? `“${name}”` : `${label} (${name})`]
    }),
  )
}

function sumOf(values: readonly number[]): number {
  return values.reduce((sum, value) => sum + value, 0)
}
