import { type CapacityLimits, isFull, ownLimits } from './capacity.ts'
import { type Cell, worthOf } from './health-cell.ts'
import { type Hearsay, mean } from './health-news.ts'
import type { CapacityLack, HealthCondition, HealthReading } from './health-view.ts'

/** When to look again whether there is room, where nobody told: another process may have, or a minute have passed. */
const ASK_AGAIN_MS = 1_000

/** What others say of an illness; nothing where we were answered since: then we know better. */
function believed(cell: Cell, hearsay: Hearsay | undefined): Hearsay | undefined {
  return hearsay && hearsay.heardAt >= cell.answeredAt ? hearsay : undefined
}

/** The limits that hold: those that this process has learnt, or else those that others have. */
export function limitsOf(cell: Cell, hearsay: Hearsay | undefined, now: number): CapacityLimits {
  const own = ownLimits(cell.capacity, now)
  return {
    inFlightMax: own.inFlightMax ?? hearsay?.limits.inFlightMax,
    perMinuteMax: own.perMinuteMax ?? hearsay?.limits.perMinuteMax,
  }
}

/** How a pair is doing, by what was seen here and what others say. */
export function conditionOf(cell: Cell, hearsay: Hearsay | undefined, now: number): HealthCondition {
  if (cell.pausedUntil > now) return cell.pauseCondition
  const told = believed(cell, hearsay)
  if (told && told.pausedUntil > now) return told.pauseCondition
  if (isFull(cell.capacity, limitsOf(cell, hearsay, now), now)) return 'rate_limited'
  const probe = cell.probeUntil > now ? 'sick' : 'probe'
  if (cell.openUntil !== 0) {
    const isWellElsewhere = hearsay !== undefined && hearsay.answeredAt > cell.seenAt
    return cell.openUntil > now && !isWellElsewhere ? 'sick' : probe
  }
  if (!told?.isOpen) return 'ok'
  return told.openUntil > now ? 'sick' : probe
}

/** What an attempt would have to wait for; `undefined` where capacity is not what it lacks. */
export function lackOf(cell: Cell, hearsay: Hearsay | undefined, isRetry: boolean, now: number): CapacityLack | undefined {
  const told = believed(cell, hearsay)
  const untilOf = (pause: Pick<Cell, 'pausedUntil' | 'pauseCondition'>) =>
    pause.pauseCondition === 'rate_limited' ? pause.pausedUntil : 0
  if (!isRetry) {
    const until = Math.max(untilOf(cell), told ? untilOf(told) : 0)
    if (until > now) return { reason: 'paused', waitMs: until - now }
    if (conditionOf(cell, hearsay, now) !== 'rate_limited') return undefined
  }
  const limits = limitsOf(cell, hearsay, now)
  if (!isFull(cell.capacity, limits, now)) return undefined
  return { reason: 'full', waitMs: ASK_AGAIN_MS }
}

/** All that is known of a pair. What others have measured counts with ours, by how much each has seen lately. */
export function readingOf(cell: Cell, hearsay: Hearsay | undefined, halfLifeMs: number, now: number): HealthReading {
  const worth = worthOf(now - cell.countedAt, halfLifeMs)
  const worthTold = hearsay ? worthOf(now - hearsay.toldAt, halfLifeMs) : 0
  const total = (field: 'samples' | 'failures' | 'rateLimited') =>
    cell[field] * worth + (hearsay ? hearsay[field] * worthTold : 0)
  const [samples, failures, rateLimited] = [total('samples'), total('failures'), total('rateLimited')]
  const weighed = (own: number | undefined, other: number | undefined) => {
    if (other === undefined || !hearsay) return own
    return mean([
      { value: own, weight: cell.samples * worth },
      { value: other, weight: hearsay.samples * worthTold },
    ])
  }
  return {
    condition: conditionOf(cell, hearsay, now),
    answerMs: weighed(cell.answers.meanMs, hearsay?.answerMs),
    firstEventMs: weighed(cell.firstEvents.meanMs, hearsay?.firstEventMs),
    errorRate: samples > 0 ? failures / samples : undefined,
    rateLimitedRate: samples + rateLimited > 0 ? rateLimited / (samples + rateLimited) : undefined,
    samples,
    seenMs: Math.max(0, now - Math.max(cell.seenAt, hearsay?.heardAt ?? 0)),
    inFlight: cell.capacity.inFlight,
    ...limitsOf(cell, hearsay, now),
  }
}
