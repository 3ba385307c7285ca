/** How long a pair takes to answer: a smoothed mean and the newest measurements. Moments are epoch milliseconds. */
export interface Latency {
  /** Smoothed mean, in milliseconds. `undefined` until measured. */
  meanMs: number | undefined
  measuredAt: number
  /** The newest measurements, as a ring buffer. */
  readonly newest: number[]
  next: number
}

const WEIGHT = 0.2
const NEWEST_MAX = 32
/** Fewer measurements say nothing about the 95th percentile. */
const NEWEST_MIN = 8
/** After this long without a measurement, a faster one replaces the mean instead of being smoothed into it. */
const OLD_MS = 120_000

export function newLatency(): Latency {
  return { meanMs: undefined, measuredAt: 0, newest: [], next: 0 }
}

export function measure(latency: Latency, milliseconds: number, now: number): void {
  const { meanMs, measuredAt } = latency
  const isBetter = meanMs === undefined || (milliseconds < meanMs && now - measuredAt >= OLD_MS)
  latency.meanMs = isBetter ? milliseconds : meanMs + WEIGHT * (milliseconds - meanMs)
  latency.measuredAt = now
  latency.newest[latency.next] = milliseconds
  latency.next = (latency.next + 1) % NEWEST_MAX
}

/** Records a lower bound, from an attempt abandoned after `milliseconds`. It is informative only if it exceeds the mean. */
export function measureAtLeast(latency: Latency, milliseconds: number, now: number): void {
  if (milliseconds > (latency.meanMs ?? Number.POSITIVE_INFINITY)) measure(latency, milliseconds, now)
}

/** Time since the last measurement, in milliseconds. `undefined`: there is none. */
export function ageOf({ meanMs, measuredAt }: Latency, now: number): number | undefined {
  return meanMs === undefined ? undefined : Math.max(0, now - measuredAt)
}

/** The mean, unless it is so old that it no longer tells how long the pair takes now. */
export function recentMs(latency: Latency, now: number): number | undefined {
  return (ageOf(latency, now) ?? 0) < OLD_MS ? latency.meanMs : undefined
}

/** The 95th percentile of the newest measurements. `undefined` until there are eight. */
export function slowest(latency: Latency): number | undefined {
  const { newest } = latency
  if (newest.length < NEWEST_MIN) return undefined
  return newest.toSorted((a, b) => a - b)[Math.ceil(newest.length * 0.95) - 1]
}
