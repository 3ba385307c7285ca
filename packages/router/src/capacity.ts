/**
 * How much work a pair of adapter and model takes at once and in a minute, learnt from its 429s in the way of TCP: a 429 cuts what is
 * allowed, answers raise it slowly. Nothing is limited before the first 429.
 */
export interface Capacity {
  /** Attempts begun and not yet recorded. */
  inFlight: number
  /** Attempts that may be in flight; a fraction counts as nothing. `undefined`: no limit is known. */
  inFlightMax: number | undefined
  /** Attempts that may begin within a minute. `undefined`: no limit is known. */
  perMinuteMax: number | undefined
  /** What had been accepted in the minute before the last 429 that told of minutes. */
  acceptedBefore: number | undefined
  /** When the limits were last cut, epoch milliseconds. */
  cutAt: number
  /** When the last 429 came, epoch milliseconds. */
  limitedAt: number
  readonly begun: MinuteWindow
}

/** How many attempts began in the last minute, or up to ten seconds more: too few would be worse than too many. */
interface MinuteWindow {
  /** Attempts by slice of ten seconds: the newest is at `slice % SLICES`. */
  counts: number[]
  slice: number
}

const SLICE_MS = 10_000
const SLICES = 7
/** What a cut leaves. */
const KEPT = 0.7
const KEPT_PER_MINUTE = 0.9
/** A 429 says something about the minute only where the provider asked to wait this long, */
const WINDOW_MS_MIN = 1_000
/** where this many had been accepted in it, because fewer are no measure, */
const ACCEPTED_MIN = 10
/** and where as many had been accepted before the last one, to this share: else it was not the number of requests that was too high. */
const LIKENESS = 0.25
/** How much more may begin in a minute, after a minute at the limit: at least one. */
const GROWTH_PER_MINUTE = 0.02
/** A limit that has not been met for so long is forgotten: the provider may have raised it. */
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

/** Limits that hold now: our own, or else those that another process has learnt. */
export interface CapacityLimits {
  inFlightMax: number | undefined
  perMinuteMax: number | undefined
}

/** Our own limits; those that were not met for ten minutes are forgotten. */
export function ownLimits(capacity: Capacity, now: number): CapacityLimits {
  if (capacity.limitedAt !== 0 && now - capacity.limitedAt >= FORGOTTEN_MS) {
    capacity.inFlightMax = undefined
    capacity.perMinuteMax = undefined
    capacity.acceptedBefore = undefined
    capacity.limitedAt = 0
  }
  return capacity
}

/** Whether one more would be above a limit. One at a time is always allowed. */
export function isFull(capacity: Capacity, limits: CapacityLimits, now: number): boolean {
  const { perMinuteMax } = limits
  if (roomOf(capacity, limits) <= 0) return true
  return perMinuteMax !== undefined && begunInMinute(capacity.begun, now) >= Math.max(1, Math.floor(perMinuteMax))
}

/** How many more may be in flight. */
export function roomOf({ inFlight }: Capacity, { inFlightMax }: CapacityLimits): number {
  return inFlightMax === undefined ? Number.POSITIVE_INFINITY : Math.max(1, Math.floor(inFlightMax)) - inFlight
}

export function begin(capacity: Capacity, now: number): void {
  capacity.inFlight += 1
  advance(capacity.begun, now)
  const at = capacity.begun.slice % SLICES
  capacity.begun.counts[at] = (capacity.begun.counts[at] ?? 0) + 1
}

/** An attempt has ended in any way but a 429. */
export function end(capacity: Capacity): void {
  capacity.inFlight = Math.max(0, capacity.inFlight - 1)
}

/** An answer came. A limit that was in use grows: by one for each round of answers. */
export function raise(capacity: Capacity, now: number): void {
  const { inFlightMax, perMinuteMax } = capacity
  // Counted with the one that has just ended.
  if (inFlightMax !== undefined && capacity.inFlight + 1 >= Math.floor(inFlightMax))
    capacity.inFlightMax = inFlightMax + 1 / inFlightMax
  if (perMinuteMax !== undefined && begunInMinute(capacity.begun, now) >= Math.floor(perMinuteMax)) {
    capacity.perMinuteMax = perMinuteMax + Math.max(1 / perMinuteMax, GROWTH_PER_MINUTE)
  }
}

/**
 * A 429 came, and {@link end} was told. What is still in flight was not refused, so it is the best measure of what fits. Refusals of
 * attempts that began before the last cut are part of the same flood, and cut no further than to that.
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
  // It was not accepted, so it does not count as begun.
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
