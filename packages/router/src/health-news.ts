import { type CapacityLimits, ownLimits } from './capacity.ts'
import { type Cell, type PauseCondition, worthOf } from './health-cell.ts'
import { ageOf, recentMs } from './latency.ts'

/**
 * What one process knows about one pair, in a form for other processes. All times are relative to the moment of publishing,
 * because the clocks of two machines do not agree.
 */
export interface HealthNews {
  healthKey: string
  /** Time since the last observation. */
  seenMs: number
  /** Observations, decayed. */
  samples: number
  failures: number
  rateLimited: number
  /** Time since the last answer. Absent: none yet. */
  answeredMs?: number
  /** Present if measured in the last two minutes. So is `firstEventMs`. */
  answerMs?: number
  firstEventMs?: number
  /** Time since `answerMs` was last measured. Absent: just now. So is `firstEventAgeMs`. */
  answerAgeMs?: number
  firstEventAgeMs?: number
  pause?: { condition: PauseCondition; forMs: number }
  /** Present while the breaker is open. It lets a probe through after `forMs`. */
  breaker?: { forMs: number }
  inFlightMax?: number
  perMinuteMax?: number
}

/** What one process published, and how long ago. */
export interface HealthReport {
  ageMs: number
  news: readonly HealthNews[]
}

/** What other processes know about one pair, merged. Times are on this process's clock. */
export interface Hearsay {
  /** When the reports arrived. The counts are decayed to this moment. */
  toldAt: number
  /** When the latest observation was made. */
  heardAt: number
  /** When the latest observation was made by a process that reports an illness which is not over. */
  illAt: number
  samples: number
  failures: number
  rateLimited: number
  answeredAt: number
  answerMs: number | undefined
  firstEventMs: number | undefined
  /** When `answerMs` was last measured. `undefined`: never. */
  answerMeasuredAt: number | undefined
  firstEventMeasuredAt: number | undefined
  pausedUntil: number
  pauseCondition: PauseCondition
  isOpen: boolean
  openUntil: number
  limits: CapacityLimits
}

/** What this process itself has observed about one pair. Excludes what it heard from others, which would circulate forever. */
export function newsOf(healthKey: string, cell: Cell, halfLifeMs: number, now: number): HealthNews {
  const worth = worthOf(now - cell.countedAt, halfLifeMs)
  const { inFlightMax, perMinuteMax } = ownLimits(cell.capacity, now)
  return {
    healthKey,
    seenMs: Math.max(0, now - cell.seenAt),
    samples: cell.samples * worth,
    failures: cell.failures * worth,
    rateLimited: cell.rateLimited * worth,
    answeredMs: cell.answeredAt === 0 ? undefined : Math.max(0, now - cell.answeredAt),
    answerMs: recentMs(cell.answers, now),
    firstEventMs: recentMs(cell.firstEvents, now),
    answerAgeMs: ageOf(cell.answers, now),
    firstEventAgeMs: ageOf(cell.firstEvents, now),
    pause: cell.pausedUntil > now ? { condition: cell.pauseCondition, forMs: cell.pausedUntil - now } : undefined,
    breaker: cell.openUntil === 0 ? undefined : { forMs: Math.max(0, cell.openUntil - now) },
    inFlightMax,
    perMinuteMax,
  }
}

/**
 * Merges the reports of several processes, by pair. Pure. Reports count according to their age: observations decay by the
 * half-life, and the times left of pauses and open breakers shrink. If one process had an answer after another found the pair
 * ill, the illness is over. Latencies are means weighted by recent samples. Of the limits, the highest applies, because each
 * process learns its own share.
 */
export function mergeReports(reports: readonly HealthReport[], halfLifeMs: number, now: number): Map<string, Hearsay> {
  const told = Map.groupBy(
    reports.flatMap(({ ageMs, news }) => news.map((item) => aged(item, Math.max(0, ageMs), halfLifeMs))),
    ({ healthKey }) => healthKey,
  )
  return new Map([...told].map(([healthKey, items]) => [healthKey, mergeNews(items, now)]))
}

function aged(news: HealthNews, ageMs: number, halfLifeMs: number): HealthNews {
  const worth = worthOf(ageMs, halfLifeMs)
  return {
    ...news,
    seenMs: news.seenMs + ageMs,
    samples: news.samples * worth,
    failures: news.failures * worth,
    rateLimited: news.rateLimited * worth,
    answeredMs: news.answeredMs === undefined ? undefined : news.answeredMs + ageMs,
    answerAgeMs: news.answerMs === undefined ? undefined : (news.answerAgeMs ?? 0) + ageMs,
    firstEventAgeMs: news.firstEventMs === undefined ? undefined : (news.firstEventAgeMs ?? 0) + ageMs,
    pause: news.pause && { ...news.pause, forMs: news.pause.forMs - ageMs },
    breaker: news.breaker && { forMs: news.breaker.forMs - ageMs },
  }
}

function mergeNews(items: readonly HealthNews[], now: number): Hearsay {
  const answeredMs = least(items.map((item) => item.answeredMs))
  const answerAgeMs = least(items.map((item) => item.answerAgeMs))
  const firstEventAgeMs = least(items.map((item) => item.firstEventAgeMs))
  // An answer later than a process's last observation overrules the illness that it reports.
  const isOver = ({ seenMs }: HealthNews) => answeredMs !== undefined && answeredMs < seenMs
  const ill = items.filter((item) => ((item.pause && item.pause.forMs > 0) || item.breaker) && !isOver(item))
  const pauses = ill.flatMap(({ pause }) => pause ?? [])
  const longest = pauses.toSorted((a, b) => b.forMs - a.forMs)[0]
  const breakers = ill.flatMap(({ breaker }) => breaker?.forMs ?? [])
  return {
    toldAt: now,
    heardAt: now - Math.min(...items.map(({ seenMs }) => seenMs)),
    illAt: now - Math.min(...ill.map(({ seenMs }) => seenMs)),
    samples: sum(items, 'samples'),
    failures: sum(items, 'failures'),
    rateLimited: sum(items, 'rateLimited'),
    answeredAt: answeredMs === undefined ? 0 : now - answeredMs,
    answerMs: mean(items.map((item) => ({ value: item.answerMs, weight: item.samples }))),
    firstEventMs: mean(items.map((item) => ({ value: item.firstEventMs, weight: item.samples }))),
    answerMeasuredAt: answerAgeMs === undefined ? undefined : now - answerAgeMs,
    firstEventMeasuredAt: firstEventAgeMs === undefined ? undefined : now - firstEventAgeMs,
    pausedUntil: longest ? now + longest.forMs : 0,
    pauseCondition: longest?.condition ?? 'rate_limited',
    isOpen: breakers.length > 0,
    openUntil: breakers.length > 0 ? now + Math.max(...breakers) : 0,
    limits: {
      inFlightMax: greatest(items.map(({ inFlightMax }) => inFlightMax)),
      perMinuteMax: greatest(items.map(({ perMinuteMax }) => perMinuteMax)),
    },
  }
}

/** A weighted mean. The weights have a small minimum, so that fully decayed values still count if there is nothing better. */
export function mean(parts: readonly { value: number | undefined; weight: number }[]): number | undefined {
  let total = 0
  let weights = 0
  for (const { value, weight } of parts) {
    if (value === undefined) continue
    const counted = Math.max(weight, 1e-6)
    total += value * counted
    weights += counted
  }
  return weights === 0 ? undefined : total / weights
}

function sum(items: readonly HealthNews[], field: 'samples' | 'failures' | 'rateLimited'): number {
  return items.reduce((total, item) => total + item[field], 0)
}

export function least(values: readonly (number | undefined)[]): number | undefined {
  const known = values.filter((value) => value !== undefined)
  return known.length === 0 ? undefined : Math.min(...known)
}

function greatest(values: readonly (number | undefined)[]): number | undefined {
  const known = values.filter((value) => value !== undefined)
  return known.length === 0 ? undefined : Math.max(...known)
}
