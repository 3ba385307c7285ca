/** How long a pair took to answer: smoothed, and the newest measurements. Times are epoch milliseconds. */
export interface Latency {
  /** Smoothed, in milliseconds; `undefined` until measured. */
  meanMs: number | undefined
  measuredAt: number
  /** The newest, in no order. */
  readonly newest: number[]
  next: number
}

const WEIGHT = 0.2
const NEWEST_MAX = 32
/** Fewer say nothing about the slowest of twenty. */
const NEWEST_MIN = 8
/** After so long without a measurement a better one is taken at once, instead of smoothed with what was. */
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

/** Takes in an answer that was given up after so long: it would have taken longer, so only what is above the mean is news. */
export function measureAtLeast(latency: Latency, milliseconds: number, now: number): void {
  if (milliseconds > (latency.meanMs ?? Number.POSITIVE_INFINITY)) measure(latency, milliseconds, now)
}

/** What nineteen of twenty answers were not slower than; `undefined` until eight were measured. */
export function slowest(latency: Latency): number | undefined {
  const { newest } = latency
  if (newest.length < NEWEST_MIN) return undefined
  return newest.toSorted((a, b) => a - b)[Math.ceil(newest.length * 0.95) - 1]
}
