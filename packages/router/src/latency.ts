/** How long a pair took to answer: smoothed, and the newest measurements. */
export interface Latency {
  /** Smoothed, in milliseconds; `undefined` until measured. */
  meanMs: number | undefined
  /** The newest, in no order. */
  readonly newest: number[]
  next: number
}

const WEIGHT = 0.2
const NEWEST_MAX = 32
/** Fewer say nothing about the slowest of twenty. */
const NEWEST_MIN = 8

export function newLatency(): Latency {
  return { meanMs: undefined, newest: [], next: 0 }
}

export function measure(latency: Latency, milliseconds: number): void {
  const { meanMs } = latency
  latency.meanMs = meanMs === undefined ? milliseconds : meanMs + WEIGHT * (milliseconds - meanMs)
  latency.newest[latency.next] = milliseconds
  latency.next = (latency.next + 1) % NEWEST_MAX
}

/** Takes in an answer that was given up after so long: it would have taken longer, so only what is above the mean is news. */
export function measureAtLeast(latency: Latency, milliseconds: number): void {
  if (milliseconds > (latency.meanMs ?? Number.POSITIVE_INFINITY)) measure(latency, milliseconds)
}

/** What nineteen of twenty answers were not slower than; `undefined` until eight were measured. */
export function slowest(latency: Latency): number | undefined {
  const { newest } = latency
  if (newest.length < NEWEST_MIN) return undefined
  return newest.toSorted((a, b) => a - b)[Math.ceil(newest.length * 0.95) - 1]
}
