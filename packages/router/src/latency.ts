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
/**
 * A mean of which nothing was measured for so long is not known any more: whoever was too slow once is asked for nothing, so nobody would
 * ever find out that it is not. It is as long as a breaker stays open at most.
 */
const KNOWN_MS = 120_000

export function newLatency(): Latency {
  return { meanMs: undefined, measuredAt: 0, newest: [], next: 0 }
}

/** The smoothed time, in milliseconds; `undefined` until measured, and when that is long ago. */
export function meanOf({ meanMs, measuredAt }: Latency, now: number): number | undefined {
  return isLatencyKnown(now - measuredAt) ? meanMs : undefined
}

/** Whether a mean that is so old, in milliseconds, still says something. */
export function isLatencyKnown(ageMs: number): boolean {
  return ageMs < KNOWN_MS
}

export function measure(latency: Latency, milliseconds: number, now: number): void {
  const meanMs = meanOf(latency, now)
  latency.meanMs = meanMs === undefined ? milliseconds : meanMs + WEIGHT * (milliseconds - meanMs)
  latency.measuredAt = now
  latency.newest[latency.next] = milliseconds
  latency.next = (latency.next + 1) % NEWEST_MAX
}

/** Takes in an answer that was given up after so long: it would have taken longer, so only what is above the mean is news. */
export function measureAtLeast(latency: Latency, milliseconds: number, now: number): void {
  if (milliseconds > (meanOf(latency, now) ?? Number.POSITIVE_INFINITY)) measure(latency, milliseconds, now)
}

/** What nineteen of twenty answers were not slower than; `undefined` until eight were measured. */
export function slowest(latency: Latency): number | undefined {
  const { newest } = latency
  if (newest.length < NEWEST_MIN) return undefined
  return newest.toSorted((a, b) => a - b)[Math.ceil(newest.length * 0.95) - 1]
}
