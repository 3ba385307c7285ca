import type { MetricFamily, Sample } from './metric-family.ts'

/** Bucket boundaries in seconds, from a cached answer to a long phone call. */
const SECONDS = [0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60, 300, 1800] as const

interface Named<Label extends string> {
  name: string
  help: string
  labels: readonly Label[]
}

type Labels<Label extends string> = Readonly<Record<Label, string>>

/** A counter with labels. Label values must be few: names of providers and services, codes, routes. */
export class Counter<Label extends string> {
  readonly #named: Named<Label>
  readonly #write: (total: bigint) => string
  readonly #totals = new Map<string, { labels: Sample['labels']; total: bigint }>()

  /** @param write  formats a total. @defaultValue as a whole number */
  constructor(named: Named<Label>, write: (total: bigint) => string = String) {
    this.#named = named
    this.#write = write
  }

  add(labels: Labels<Label>, amount = 1n): void {
    const key = keyOf(this.#named.labels, labels)
    const known = this.#totals.get(key)
    if (known) known.total += amount
    else this.#totals.set(key, { labels: pairsOf(this.#named.labels, labels), total: amount })
  }

  family(): MetricFamily {
    const samples = [...this.#totals.values()].map(({ labels, total }) => ({ labels, value: this.#write(total) }))
    return { name: this.#named.name, help: this.#named.help, type: 'counter', samples }
  }
}

/** A histogram of durations in seconds, with labels. */
export class DurationHistogram<Label extends string> {
  readonly #named: Named<Label>
  readonly #series = new Map<string, { labels: Sample['labels']; counts: number[]; sum: number; count: number }>()

  constructor(named: Named<Label>) {
    this.#named = named
  }

  observe(labels: Labels<Label>, milliseconds: number): void {
    const seconds = Math.max(0, milliseconds) / 1000
    const key = keyOf(this.#named.labels, labels)
    let series = this.#series.get(key)
    if (!series) {
      series = { labels: pairsOf(this.#named.labels, labels), counts: SECONDS.map(() => 0), sum: 0, count: 0 }
      this.#series.set(key, series)
    }
    const at = SECONDS.findIndex((bound) => seconds <= bound)
    if (at >= 0) series.counts[at] = (series.counts[at] ?? 0) + 1
    series.sum += seconds
    series.count += 1
  }

  family(): MetricFamily {
    return { name: this.#named.name, help: this.#named.help, type: 'histogram', samples: this.#samples() }
  }

  *#samples(): Generator<Sample> {
    for (const { labels, counts, sum, count } of this.#series.values()) {
      let below = 0
      for (const [index, bound] of SECONDS.entries()) {
        below += counts[index] ?? 0
        yield { suffix: '_bucket', labels: [...labels, ['le', String(bound)]], value: below }
      }
      yield { suffix: '_bucket', labels: [...labels, ['le', '+Inf']], value: count }
      yield { suffix: '_sum', labels, value: sum }
      yield { suffix: '_count', labels, value: count }
    }
  }
}

/** Creates a family of current values. */
export function gauge(name: string, help: string, samples: readonly Sample[]): MetricFamily {
  return { name, help, type: 'gauge', samples }
}

function keyOf<Label extends string>(names: readonly Label[], labels: Labels<Label>): string {
  let key = ''
  for (const name of names) key += `${labels[name]}\0`
  return key
}

function pairsOf<Label extends string>(names: readonly Label[], labels: Labels<Label>): Sample['labels'] {
  return names.map((name) => [name, labels[name]] as const)
}
