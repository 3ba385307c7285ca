import { type Clock, checkOptionNames, checkOptionType, describeOption, InvalidOptionError, steadyClock } from '@farebox/core'
import { begin, cut, end, raise, roomOf } from './capacity.ts'
import { beganSince, type Cell, count, isAlone, meaningOf, newCell, note, pause } from './health-cell.ts'
import { conditionOf, lackOf, limitsOf, readingOf } from './health-condition.ts'
import { type Hearsay, mergeReports, newsOf } from './health-news.ts'
import type { HealthObservation, ShareableHealth } from './health-view.ts'
import { measure, measureAtLeast, slowest } from './latency.ts'
import { refuseNaN } from './refuse-nan.ts'

export type {
  CapacityLack,
  Health,
  HealthCondition,
  HealthObservation,
  HealthReading,
  HealthView,
  ShareableHealth,
} from './health-view.ts'

/** When a provider counts as ill, and for how long. */
export interface HealthOptions {
  /** @defaultValue {@link steadyClock}, because resetting a clock would shorten or prolong a pause */
  clock?: Clock
  /** Age at which an observation counts half. @defaultValue 30_000 */
  halfLifeMs?: number
  /** Minimum observations, after decay and rounding, for the breaker to open. @defaultValue 4 */
  samplesMin?: number
  /** Share of failures, 0 to 1, at which the breaker opens. @defaultValue 0.5 */
  errorRateMax?: number
  /** How long the breaker stays open the first time. Doubles with each failed probe. @defaultValue 5_000 */
  openMs?: number
  /** The longest that the breaker stays open. @defaultValue 120_000 */
  openMsMax?: number
  /** Cool-down after a 429 that did not say how long. @defaultValue 2_000 */
  cooldownMs?: number
  /** The longest cool-down that a provider can ask for. @defaultValue 300_000 */
  cooldownMsMax?: number
  /** Pause after the provider refused a key, a quota or a model. @defaultValue 60_000 */
  refusingMs?: number
  /** How long to wait for a probe's outcome before allowing another. @defaultValue 60_000 */
  probeMs?: number
}

const known: Record<keyof HealthOptions, true> = {
  clock: true,
  halfLifeMs: true,
  samplesMin: true,
  errorRateMax: true,
  openMs: true,
  openMsMax: true,
  cooldownMs: true,
  cooldownMsMax: true,
  refusingMs: true,
  probeMs: true,
}

/**
 * Creates a circuit breaker, latency statistics and learned capacity limits for every pair of adapter and model.
 *
 * The provider's errors (5xx, network errors, timeouts, truncated or malformed answers) count towards a decaying error rate,
 * which opens the breaker. A 429 is not illness: it pauses the pair for as long as the provider asked, leaves the error rate
 * alone, and teaches how many attempts the pair takes. Failures that the caller caused (a bad request, a refused prompt, leaving)
 * say nothing about the provider. Nor do timeouts of one caller alone, while the provider answers others.
 *
 * @throws {InvalidOptionError} a number is negative or none, `halfLifeMs` is 0, `errorRateMax` is above 1, or an option is unknown or
 *   of a wrong type
 */
export function createHealth(options: HealthOptions = {}): ShareableHealth {
  checkOptionNames(options, known, 'createHealth()')
  refuseNaN('health', options)
  checkNumbers(options)
  checkOptionType('clock', options.clock, 'function')
  const clock = options.clock ?? steadyClock
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
  let heard: ReadonlyMap<string, Hearsay> = new Map()

  function fail(cell: Cell, startedAt: number, now: number): void {
    count(cell, 'failure', halfLifeMs, now)
    // An attempt that was under way when the breaker opened is no probe, however late it fails.
    const probeFailed = cell.openUntil !== 0 && cell.openUntil <= now && beganSince(startedAt, cell.openUntil)
    // Rounded, so that four failures within a few seconds count as four although the first has decayed a little.
    const isEnough = Math.round(cell.samples) >= samplesMin
    const rateExceeded = cell.openUntil === 0 && isEnough && cell.failures / cell.samples >= errorRateMax
    if (probeFailed || rateExceeded) {
      cell.openUntil = now + Math.min(openMsMax, openMs * 2 ** cell.openings)
      cell.openings += 1
    }
  }

  function succeed(cell: Cell, startedAt: number, now: number): void {
    if (cell.openUntil === 0) {
      count(cell, 'answer', halfLifeMs, now)
    } else {
      // One live answer proves recovery: observations from before the breaker opened no longer count.
      Object.assign(cell, { openUntil: 0, openings: 0, samples: 1, failures: 0, rateLimited: 0, countedAt: now })
    }
    // An answer proves that the key, quota and model are accepted again. It does not shorten the pause of a rate limit.
    if (cell.pauseCondition === 'refusing' && beganSince(startedAt, cell.pausedAt)) cell.pausedUntil = 0
    cell.answeredAt = now
    raise(cell.capacity, now)
  }

  function observe(cell: Cell, observation: HealthObservation, now: number): void {
    if (observation.outcome === 'answering') {
      measure(cell.firstEvents, observation.latencyMs, now)
      return
    }
    const startedAt = startOf(observation, now)
    if (observation.outcome === 'succeeded' || beganSince(startedAt, cell.probeAt)) cell.probeUntil = 0
    end(cell.capacity)
    if (observation.outcome === 'lost') {
      measureAtLeast(observation.isStream ? cell.firstEvents : cell.answers, observation.waitedMs, now)
      return
    }
    cell.seenAt = now
    if (observation.outcome === 'succeeded') {
      const { latencyMs, isStream } = observation
      if (latencyMs !== undefined) measure(isStream ? cell.firstEvents : cell.answers, latencyMs, now)
      succeed(cell, startedAt, now)
      note(cell.answered, observation.caller, now)
      return
    }
    const { kind, retryAfterMs, caller } = observation
    switch (meaningOf(kind)) {
      case 'illness':
        if (kind !== 'timeout' || !isAlone(cell, caller, startedAt)) fail(cell, startedAt, now)
        if (kind === 'timeout') note(cell.timedOut, caller, now)
        break
      case 'capacity':
        count(cell, 'rate_limited', halfLifeMs, now)
        cut(cell.capacity, { startedAt, retryAfterMs }, now)
        pause(cell, 'rate_limited', now + Math.min(cooldownMsMax, Math.max(0, retryAfterMs ?? cooldownMs)), now)
        break
      case 'refusal':
        pause(cell, 'refusing', now + refusingMs, now)
        break
      case 'ours':
        break
    }
  }

  function tellWaiting(cell: Cell, hearsay: Hearsay | undefined, now: number): void {
    let room = roomOf(cell.capacity, limitsOf(cell, hearsay, now))
    for (const tell of cell.waiting) {
      if (room <= 0) return
      room -= 1
      cell.waiting.delete(tell)
      tell()
    }
  }

  function cellOf(healthKey: string, now: number): Cell {
    const known = cells.get(healthKey)
    if (known) return known
    const cell = newCell(now)
    cells.set(healthKey, cell)
    return cell
  }

  return {
    read(healthKey) {
      const cell = cells.get(healthKey)
      const hearsay = heard.get(healthKey)
      if (!cell && !hearsay) return undefined
      const now = clock()
      return readingOf(cell ?? { ...newCell(now), seenAt: 0 }, hearsay, halfLifeMs, now)
    },
    begin(healthKey, isForced = false) {
      const now = clock()
      const cell = cellOf(healthKey, now)
      const hearsay = heard.get(healthKey)
      const condition = conditionOf(cell, hearsay, now)
      if (condition === 'probe') {
        cell.probeAt = now
        cell.probeUntil = now + probeMs
        // Other processes found it ill. If the probe fails here, the breaker must open here too.
        if (cell.openUntil === 0) cell.openUntil = Math.min(now, hearsay?.openUntil ?? now)
      }
      if (!isForced && condition !== 'ok' && condition !== 'probe') return false
      begin(cell.capacity, now)
      return true
    },
    record(healthKey, observation) {
      const now = clock()
      const cell = cellOf(healthKey, now)
      observe(cell, observation, now)
      if (cell.waiting.size > 0 && observation.outcome !== 'answering') tellWaiting(cell, heard.get(healthKey), now)
    },
    lack(healthKey, isRetry = false) {
      const cell = cells.get(healthKey)
      const hearsay = heard.get(healthKey)
      if (!cell && !hearsay) return undefined
      return lackOf(cell ?? newCell(clock()), hearsay, isRetry, clock())
    },
    whenFreed(healthKey, tell) {
      const { waiting } = cellOf(healthKey, clock())
      waiting.add(tell)
      return () => waiting.delete(tell)
    },
    slowMs(healthKey, isStream) {
      const cell = cells.get(healthKey)
      return cell && slowest(isStream ? cell.firstEvents : cell.answers)
    },
    tell(since) {
      const now = clock()
      return [...cells].flatMap(([healthKey, cell]) => (cell.seenAt >= since ? [newsOf(healthKey, cell, halfLifeMs, now)] : []))
    },
    hear(reports) {
      heard = mergeReports(reports, halfLifeMs, clock())
    },
  }
}

/** A text would be appended to a time in place of being added: a pause until then would not end. `null` counts as absent. */
function checkNumbers({ clock, halfLifeMs, errorRateMax, ...others }: HealthOptions): void {
  if (!isAmount(halfLifeMs ?? 1) || halfLifeMs === 0)
    throw new InvalidOptionError(`halfLifeMs must be above 0, received ${describeOption(halfLifeMs)}`)
  // A percentage is a rate that is never reached.
  if (!isAmount(errorRateMax ?? 0) || (errorRateMax ?? 0) > 1)
    throw new InvalidOptionError(`errorRateMax must be from 0 to 1, received ${describeOption(errorRateMax)}`)
  for (const [name, value] of Object.entries(others)) {
    if (!isAmount(value ?? 0))
      throw new InvalidOptionError(`${name} must be a number of 0 or more, received ${describeOption(value)}`)
  }
}

function isAmount(value: unknown): boolean {
  return typeof value === 'number' && value >= 0
}

/** When an ended attempt began. */
function startOf(observation: Exclude<HealthObservation, { outcome: 'answering' }>, now: number): number {
  if (observation.outcome === 'lost') return now - observation.waitedMs
  const { tookMs = 0, startedAt = now - tookMs } = observation
  return startedAt
}
