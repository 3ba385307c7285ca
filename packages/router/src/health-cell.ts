import type { ProviderErrorKind } from '@farebox/core'
import { type Capacity, newCapacity } from './capacity.ts'
import { type Latency, newLatency } from './latency.ts'

/** Why a pair is paused. */
export type PauseCondition = 'rate_limited' | 'refusing'

/** What this process has observed about one pair of adapter and model. Times are epoch milliseconds. */
export interface Cell {
  /** Observations, decayed to their value at `countedAt`. */
  samples: number
  failures: number
  rateLimited: number
  countedAt: number
  pausedUntil: number
  pauseCondition: PauseCondition
  /** When the pause was last set. */
  pausedAt: number
  /** When the breaker lets a probe through. 0: it is closed. */
  openUntil: number
  openings: number
  /** When the last probe began, and until when its outcome is awaited. */
  probeAt: number
  probeUntil: number
  /** When the last answer came. 0: none yet. */
  answeredAt: number
  /** When the last observation was made. */
  seenAt: number
  /** Whose attempts were answered last, and whose timed out. */
  readonly answered: LastCallers
  readonly timedOut: LastCallers
  readonly answers: Latency
  readonly firstEvents: Latency
  readonly capacity: Capacity
  /** Callbacks of attempts that wait for room. */
  readonly waiting: Set<() => void>
}

/** The last caller that something happened to, when, and when it last happened to another one. */
export interface LastCallers {
  caller: string | undefined
  at: number
  otherAt: number
}

const NEVER = Number.NEGATIVE_INFINITY

/** Notes that something happened to `caller`. */
export function note(last: LastCallers, caller: string | undefined, now: number): void {
  if (last.caller !== caller) Object.assign(last, { caller, otherAt: last.at })
  last.at = now
}

/**
 * Whether the timeout of an attempt that began at `startedAt` says more about the request than about the provider: meanwhile the
 * provider answered other callers, and none of theirs timed out. Some requests are too long for any provider's deadline.
 */
export function isAlone({ answered, timedOut }: Cell, caller: string | undefined, startedAt: number): boolean {
  if (caller === undefined) return false
  return otherAt(answered, caller) >= startedAt && otherAt(timedOut, caller) < startedAt
}

function otherAt({ caller: last, at, otherAt: before }: LastCallers, caller: string): number {
  return last === caller ? before : at
}

export function newCell(now: number): Cell {
  return {
    samples: 0,
    failures: 0,
    rateLimited: 0,
    countedAt: now,
    pausedUntil: 0,
    pauseCondition: 'rate_limited',
    pausedAt: 0,
    openUntil: 0,
    openings: 0,
    probeAt: 0,
    probeUntil: 0,
    answeredAt: 0,
    seenAt: now,
    answered: { caller: undefined, at: NEVER, otherAt: NEVER },
    timedOut: { caller: undefined, at: NEVER, otherAt: NEVER },
    answers: newLatency(),
    firstEvents: newLatency(),
    capacity: newCapacity(),
    waiting: new Set(),
  }
}

/** Adds one observation, after decaying the earlier ones. */
export function count(cell: Cell, what: 'answer' | 'failure' | 'rate_limited', halfLifeMs: number, now: number): void {
  const worth = worthOf(now - cell.countedAt, halfLifeMs)
  cell.samples = cell.samples * worth + (what === 'rate_limited' ? 0 : 1)
  cell.failures = cell.failures * worth + (what === 'failure' ? 1 : 0)
  cell.rateLimited = cell.rateLimited * worth + (what === 'rate_limited' ? 1 : 0)
  cell.countedAt = now
}

/** The weight of an observation of the given age, from 1 down to 0. */
export function worthOf(ageMs: number, halfLifeMs: number): number {
  return 0.5 ** (Math.max(0, ageMs) / halfLifeMs)
}

/** Pauses a pair. A later 429 without Retry-After must not shorten the pause that an earlier one asked for. */
export function pause(cell: Cell, condition: PauseCondition, until: number, now: number): void {
  if (until < cell.pausedUntil) return
  cell.pausedUntil = until
  cell.pauseCondition = condition
  cell.pausedAt = now
}

/** Whether an attempt began at or after a moment. Tolerates one millisecond, because clocks round moments up and down. */
export function beganSince(startedAt: number, moment: number): boolean {
  return startedAt >= moment - 1
}

/** What a failure says about the provider: illness, lack of capacity, refusal, or nothing, because our side caused it (`ours`). */
export function meaningOf(kind: ProviderErrorKind): 'illness' | 'capacity' | 'refusal' | 'ours' {
  return meanings[kind]
}

const meanings: Record<ProviderErrorKind, ReturnType<typeof meaningOf>> = {
  rate_limited: 'capacity',
  overloaded: 'illness',
  unavailable: 'illness',
  network: 'illness',
  timeout: 'illness',
  incomplete: 'illness',
  malformed: 'illness',
  outcome_unknown: 'illness',
  authentication: 'refusal',
  quota_exhausted: 'refusal',
  model_not_found: 'refusal',
  context_too_long: 'ours',
  content_policy: 'ours',
  invalid_request: 'ours',
  unsupported: 'ours',
  aborted: 'ours',
}
