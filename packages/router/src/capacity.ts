/**
 * How many attempts a pair of adapter and model takes at once and per minute. The limits are learned from 429s, like TCP
 * congestion control: a 429 cuts a limit, and answers raise it slowly. Nothing is limited before the first 429.
 */
export interface Capacity {
  /** Attempts that have begun and not ended. */
  inFlight: number
  /** Limit of attempts in flight, rounded down where it applies. `undefined`: no limit is known. */
  inFlightMax: number | undefined
  /** Limit of attempts that begin within a minute. `undefined`: no limit is known. */
  perMinuteMax: number | undefined
  /** Attempts accepted in the minute before the last 429 that indicated a limit per minute. */
  acceptedBefore: number | undefined
  /** When the limits were last cut, epoch milliseconds. */
  cutAt: number
  /** When the last 429 came, epoch milliseconds. */
  limitedAt: number
  readonly begun: MinuteWindow
}

/** Counts the attempts that began in the last 60 to 70 seconds. Counting a few too many is better than too few. */
interface MinuteWindow {
  /** Attempts by slice of ten seconds. The newest slice is at `slice % SLICES`. */
  counts: number[]
  slice: number
}

const SLICE_MS = 10_000
const SLICES = 7
/** The share of a limit that a cut leaves. */
const KEPT = 0.7
const KEPT_PER_MINUTE = 0.9
/** A 429 indicates a limit per minute only if the provider asked to wait at least this long. */
const WINDOW_MS_MIN = 1_000
/** It also needs this many accepted attempts in the minute before it, because fewer are no measure. */
const ACCEPTED_MIN = 10
/**
 * The accepted attempts before two such 429s must agree to within this share. Otherwise the number of requests was not what
 * exceeded the limit.
 */
const LIKENESS = 0.25
/** Each answer at the limit raises it by this, or by `1 / limit` if that is more. So a minute at the limit adds 2 % or 1. */
const GROWTH_PER_MINUTE = 0.02
/** A limit is forgotten this long after the last 429, because the provider may have raised it. */
const FORGOTTEN_MS = 600_000

export function newCapacity(): Capacity {
  const begun = { counts: new Array<number>(SLICES).fill(0), slice: 0 }
  return {
    inFlight: 0,
    inFlightMax: undefined,
    perMinuteMax: undefined,
    acceptedBefore: undefined,
    cutAt: 0,
    limitedAt: 0,
    begun,
  }
}

/** The limits in force: those that this process learned, or else those of other processes. */
export interface CapacityLimits {
  inFlightMax: number | undefined
  perMinuteMax: number | undefined
}

/** The limits that this process learned. Forgets them ten minutes after the last 429. */
export function ownLimits(capacity: Capacity, now: number): CapacityLimits {
  if (capacity.limitedAt !== 0 && now - capacity.limitedAt >= FORGOTTEN_MS) {
    capacity.inFlightMax = undefined
    capacity.perMinuteMax = undefined
    capacity.acceptedBefore = undefined
    capacity.limitedAt = 0
  }
  return capacity
}

/** Whether one more attempt would exceed a limit. One is always allowed. */
export function isFull(capacity: Capacity, limits: CapacityLimits, now: number): boolean {
  const { perMinuteMax } = limits
  if (roomOf(capacity, limits) <= 0) return true
  return perMinuteMax !== undefined && begunInMinute(capacity.begun, now) >= Math.max(1, Math.floor(perMinuteMax))
}

/** How many more attempts may be in flight. */
export function roomOf({ inFlight }: Capacity, { inFlightMax }: CapacityLimits): number {
  return inFlightMax === undefined ? Number.POSITIVE_INFINITY : Math.max(1, Math.floor(inFlightMax)) - inFlight
}

export function begin(capacity: Capacity, now: number): void {
  capacity.inFlight += 1
  advance(capacity.begun, now)
  const at = capacity.begun.slice % SLICES
  capacity.begun.counts[at] = (capacity.begun.counts[at] ?? 0) + 1
}

/** Counts the end of an attempt, however it ended. */
export function end(capacity: Capacity): void {
  capacity.inFlight = Math.max(0, capacity.inFlight - 1)
}

/** Counts an answer. A limit that was reached grows, the one in flight by one for each round of answers. */
export function raise(capacity: Capacity, now: number): void {
  const { inFlightMax, perMinuteMax } = capacity
  // Includes the attempt that has just ended.
  if (inFlightMax !== undefined && capacity.inFlight + 1 >= Math.floor(inFlightMax))
    capacity.inFlightMax = inFlightMax + 1 / inFlightMax
  if (perMinuteMax !== undefined && begunInMinute(capacity.begun, now) >= Math.floor(perMinuteMax)) {
    capacity.perMinuteMax = perMinuteMax + Math.max(1 / perMinuteMax, GROWTH_PER_MINUTE)
  }
}

/**
 * Learns from a 429. Call {@link end} first. What is still in flight was not refused, so it is the best measure of what fits.
 * Attempts that began before the last cut belong to the same burst, so their 429s cut the limit no further than to that measure.
 */
export function cut(capacity: Capacity, facts: { startedAt: number; retryAfterMs: number | undefined }, now: number): void {
  ownLimits(capacity, now)
  const isNews = facts.startedAt >= capacity.cutAt
  const fits = Math.max(1, capacity.inFlight)
  const known = Math.min(capacity.inFlightMax ?? Number.POSITIVE_INFINITY, fits)
  capacity.inFlightMax = Math.max(1, isNews ? known * KEPT : known)
  capacity.limitedAt = now
  const at = Math.floor(facts.startedAt / SLICE_MS)
  const { begun } = capacity
  advance(begun, now)
  // The attempt was not accepted, so it does not count as begun.
  if (begun.slice - at < SLICES && at >= 0) begun.counts[at % SLICES] = Math.max(0, (begun.counts[at % SLICES] ?? 0) - 1)
  if ((facts.retryAfterMs ?? 0) >= WINDOW_MS_MIN) learnMinute(capacity, begunInMinute(begun, now), isNews)
  if (isNews) capacity.cutAt = now
}

function learnMinute(capacity: Capacity, accepted: number, isNews: boolean): void {
  if (accepted < ACCEPTED_MIN) return
  const before = capacity.acceptedBefore
  capacity.acceptedBefore = isNews ? accepted : Math.min(accepted, before ?? accepted)
  if (!isNews) {
    if (capacity.perMinuteMax !== undefined) capacity.perMinuteMax = Math.min(capacity.perMinuteMax, accepted)
    return
  }
  const isLike = before !== undefined && Math.abs(accepted - before) <= LIKENESS * Math.max(accepted, before)
  capacity.perMinuteMax = isLike ? Math.min(accepted, before) * KEPT_PER_MINUTE : undefined
}

function begunInMinute(window: MinuteWindow, now: number): number {
  advance(window, now)
  return window.counts.reduce((sum, count) => sum + count, 0)
}

function advance(window: MinuteWindow, now: number): void {
  const slice = Math.floor(now / SLICE_MS)
  if (slice <= window.slice) return
  if (slice - window.slice >= SLICES) window.counts.fill(0)
  else for (let at = window.slice + 1; at <= slice; at += 1) window.counts[at % SLICES] = 0
  window.slice = slice
}
