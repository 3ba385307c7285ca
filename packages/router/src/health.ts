import { type Clock, type ProviderErrorKind, systemClock } from '@farebox/core'

/**
 * How a pair of adapter and model is doing. `rate_limited`: out of capacity until a time it gave. `refusing`: the key, the
 * quota or the model is not accepted. `sick`: its error rate opened the breaker. `probe`: sick, but one request may find out.
 */
export type HealthCondition = 'ok' | 'probe' | 'rate_limited' | 'refusing' | 'sick'

/** What is known of a pair. */
export interface HealthReading {
  condition: HealthCondition
  /** Smoothed time to a whole answer; `undefined` until measured. */
  answerMs: number | undefined
  /** Smoothed time to the first event of a stream; `undefined` until measured. */
  firstEventMs: number | undefined
  /** Share of attempts that failed by the provider's fault, from 0 to 1. Absent: not known, and taken for 0. */
  errorRate?: number
  /** Share of attempts that were turned away for want of capacity (429), from 0 to 1. Absent: not known, and taken for 0. */
  rateLimitedRate?: number
  /** How many attempts the reading rests on, after ageing. Absent: not known, and taken for 0. */
  samples?: number
}

/** What planning needs to know. */
export interface HealthView {
  /** `undefined`: nothing is known, so nothing is wrong. */
  read(healthKey: string): HealthReading | undefined
}

/** How one attempt ended, as far as health is concerned. */
export type HealthObservation =
  | { outcome: 'succeeded'; latencyMs: number; isStream: boolean }
  | { outcome: 'failed'; kind: ProviderErrorKind; retryAfterMs?: number }

/** Remembers how providers are doing, in this process. Every `begin` that answers true is followed by one `record`. */
export interface Health extends HealthView {
  /** Whether an attempt should be made now. Where that is a probe, the answer is true once until it is recorded. */
  begin(healthKey: string): boolean
  record(healthKey: string, observation: HealthObservation): void
}

export interface HealthOptions {
  /** @defaultValue the host's clock */
  clock?: Clock
  /** Age at which an observation counts half. @defaultValue 30_000 */
  halfLifeMs?: number
  /** Observations, after ageing, below which the breaker stays closed. @defaultValue 4 */
  samplesMin?: number
  /** Share of failures, 0 to 1, that opens the breaker. @defaultValue 0.5 */
  errorRateMax?: number
  /** How long the breaker is open the first time; doubles with each failed probe. @defaultValue 5_000 */
  openMs?: number
  /** @defaultValue 120_000 */
  openMsMax?: number
  /** Cool-down after a 429 that did not say how long. @defaultValue 2_000 */
  cooldownMs?: number
  /** The longest cool-down that a provider can ask for. @defaultValue 300_000 */
  cooldownMsMax?: number
  /** Pause after a key, a quota or a model was not accepted. @defaultValue 60_000 */
  refusingMs?: number
  /** When an unanswered probe is given up. @defaultValue 60_000 */
  probeMs?: number
}

interface Cell {
  samples: number
  failures: number
  countedAt: number
  pausedUntil: number
  pauseCondition: 'rate_limited' | 'refusing'
  /** When the breaker lets a probe through; 0 while it is closed. */
  openUntil: number
  openings: number
  probeUntil: number
  answerMs: number | undefined
  firstEventMs: number | undefined
}

const LATENCY_WEIGHT = 0.2

/**
 * A circuit breaker and latency memory for every pair of adapter and model.
 *
 * Errors of the provider (5xx, network, timeouts, answers cut or not understood) count towards an error rate that ages, and
 * open the breaker. 429 is not illness: it pauses the pair for as long as the provider asked and leaves the rate alone.
 * What the caller caused (a bad request, a refused prompt, leaving) says nothing about the provider.
 */
export function createHealth(options: HealthOptions = {}): Health {
  const clock = options.clock ?? systemClock
  const halfLifeMs = options.halfLifeMs ?? 30_000
  const samplesMin = options.samplesMin ?? 4
  const errorRateMax = options.errorRateMax ?? 0.5
  const openMs = options.openMs ?? 5_000
  const openMsMax = options.openMsMax ?? 120_000
  const cooldownMs = options.cooldownMs ?? 2_000
  const cooldownMsMax = options.cooldownMsMax ?? 300_000
  const refusingMs = options.refusingMs ?? 60_000
  const probeMs = options.probeMs ?? 60_000
  const cells = new Map<string, Cell>()

  function count(cell: Cell, failures: 0 | 1, now: number): void {
    const kept = 0.5 ** (Math.max(0, now - cell.countedAt) / halfLifeMs)
    cell.samples = cell.samples * kept + 1
    cell.failures = cell.failures * kept + failures
    cell.countedAt = now
  }

  function fail(cell: Cell, now: number): void {
    count(cell, 1, now)
    const probeFailed = cell.openUntil !== 0 && cell.openUntil <= now
    const rateExceeded = cell.openUntil === 0 && cell.samples >= samplesMin && cell.failures / cell.samples >= errorRateMax
    if (probeFailed || rateExceeded) {
      cell.openUntil = now + Math.min(openMsMax, openMs * 2 ** cell.openings)
      cell.openings += 1
    }
  }

  function pause(cell: Cell, condition: Cell['pauseCondition'], until: number): void {
    // A later answer without Retry-After must not shorten what an earlier one asked for.
    if (until < cell.pausedUntil) return
    cell.pausedUntil = until
    cell.pauseCondition = condition
  }

  function succeed(cell: Cell, latencyMs: number, isStream: boolean, now: number): void {
    if (cell.openUntil === 0) {
      count(cell, 0, now)
    } else {
      // One live answer is the proof that we waited for: what happened before the breaker opened no longer counts.
      cell.openUntil = 0
      cell.openings = 0
      cell.samples = 1
      cell.failures = 0
      cell.countedAt = now
    }
    if (isStream) cell.firstEventMs = smooth(cell.firstEventMs, latencyMs)
    else cell.answerMs = smooth(cell.answerMs, latencyMs)
  }

  return {
    read(healthKey) {
      const cell = cells.get(healthKey)
      if (!cell) return undefined
      // Most are well, and planning reads many: the time is asked for only where it matters.
      const isWell = cell.pausedUntil === 0 && cell.openUntil === 0
      return { condition: isWell ? 'ok' : conditionOf(cell, clock()), answerMs: cell.answerMs, firstEventMs: cell.firstEventMs }
    },
    begin(healthKey) {
      const cell = cells.get(healthKey)
      if (!cell) return true
      const now = clock()
      const condition = conditionOf(cell, now)
      if (condition === 'probe') cell.probeUntil = now + probeMs
      return condition === 'ok' || condition === 'probe'
    },
    record(healthKey, observation) {
      const now = clock()
      const cell = cells.get(healthKey) ?? newCell(now)
      cells.set(healthKey, cell)
      cell.probeUntil = 0
      if (observation.outcome === 'succeeded') {
        succeed(cell, observation.latencyMs, observation.isStream, now)
        return
      }
      switch (meaningOf[observation.kind]) {
        case 'illness':
          fail(cell, now)
          break
        case 'capacity':
          pause(cell, 'rate_limited', now + Math.min(cooldownMsMax, Math.max(0, observation.retryAfterMs ?? cooldownMs)))
          break
        case 'refusal':
          pause(cell, 'refusing', now + refusingMs)
          break
        case 'ours':
          break
      }
    },
  }
}

const meaningOf: Record<ProviderErrorKind, 'illness' | 'capacity' | 'refusal' | 'ours'> = {
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

function conditionOf(cell: Cell, now: number): HealthCondition {
  if (cell.pausedUntil > now) return cell.pauseCondition
  if (cell.openUntil === 0) return 'ok'
  return cell.openUntil > now || cell.probeUntil > now ? 'sick' : 'probe'
}

function smooth(previous: number | undefined, latencyMs: number): number {
  return previous === undefined ? latencyMs : previous + LATENCY_WEIGHT * (latencyMs - previous)
}

function newCell(now: number): Cell {
  return {
    samples: 0,
    failures: 0,
    countedAt: now,
    pausedUntil: 0,
    pauseCondition: 'rate_limited',
    openUntil: 0,
    openings: 0,
    probeUntil: 0,
    answerMs: undefined,
    firstEventMs: undefined,
  }
}
