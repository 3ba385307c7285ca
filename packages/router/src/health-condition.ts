import { type CapacityLimits, isFull, ownLimits } from './capacity.ts'
import { type Cell, worthOf } from './health-cell.ts'
import { type Hearsay, least, mean } from './health-news.ts'
import type { CapacityLack, HealthCondition, HealthReading } from './health-view.ts'
import { ageOf, type Latency } from './latency.ts'

/** When to check for room again if no callback came: another process may have made room, or a minute may have passed. */
const ASK_AGAIN_MS = 1_000

/** What other processes report about an illness. `undefined` if this process has had an answer since, which is fresher. */
function believed(cell: Cell, hearsay: Hearsay | undefined): Hearsay | undefined {
  return hearsay && hearsay.illAt >= cell.answeredAt ? hearsay : undefined
}

/** The limits in force: those that this process learned, or else those of other processes. */
export function limitsOf(cell: Cell, hearsay: Hearsay | undefined, now: number): CapacityLimits {
  const own = ownLimits(cell.capacity, now)
  return {
    inFlightMax: own.inFlightMax ?? hearsay?.limits.inFlightMax,
    perMinuteMax: own.perMinuteMax ?? hearsay?.limits.perMinuteMax,
  }
}

/** The condition of a pair, from own observations and the reports of other processes. */
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

/** The capacity that an attempt would have to wait for. `undefined`: it does not lack capacity. */
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

/** Everything known about a pair. Own and reported measurements are weighted by how many recent samples each side has. */
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
  const newest = (own: Latency, measuredAt: number | undefined) =>
    least([ageOf(own, now), measuredAt === undefined ? undefined : Math.max(0, now - measuredAt)])
  return {
    condition: conditionOf(cell, hearsay, now),
    answerMs: weighed(cell.answers.meanMs, hearsay?.answerMs),
    firstEventMs: weighed(cell.firstEvents.meanMs, hearsay?.firstEventMs),
    answerAgeMs: newest(cell.answers, hearsay?.answerMeasuredAt),
    firstEventAgeMs: newest(cell.firstEvents, hearsay?.firstEventMeasuredAt),
    errorRate: samples > 0 ? failures / samples : undefined,
    rateLimitedRate: samples + rateLimited > 0 ? rateLimited / (samples + rateLimited) : undefined,
    samples,
    seenMs: Math.max(0, now - Math.max(cell.seenAt, hearsay?.heardAt ?? 0)),
    inFlight: cell.capacity.inFlight,
    ...limitsOf(cell, hearsay, now),
  }
}
