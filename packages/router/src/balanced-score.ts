import { type Draft, isAsWellAs, moveFirst } from './candidate-order.ts'
import type { Candidate } from './route.ts'
import type { ServiceConfiguration } from './service-configuration.ts'

/** What matters in a score; the three sum to 1. */
export interface ScoreWeights {
  cost: number
  latency: number
  quality: number
}

/** Candidates whose scores are within this of the best are as good as the best. */
const NEAR_BEST = 0.05
/** What being turned away for want of capacity costs in time, beside no money: a short wait, and the next candidate. */
const RATE_LIMITED_MS = 500
/** A share of failures above this says no more: nine tries for one answer are enough to know. */
const FAILURE_SHARE_MAX = 0.9

/** What matters to `configuration`. */
export function scoreWeights(configuration: ServiceConfiguration): ScoreWeights {
  if (configuration.accuracyFirst) return { cost: 0, latency: 0.2, quality: 0.8 }
  if (configuration.costOptimization) return { cost: 0.6, latency: 0.2, quality: 0.2 }
  return { cost: 0.2, latency: 0.3, quality: 0.5 }
}

/**
 * Gives every draft its score: price, time to the first token (of a stream) or to the answer, and quality. Price and time include what
 * failures add: each failure that is to be expected before an answer costs the price and the time of another try, each 429 the time of
 * a short wait. They are measured against the best of the field: half of the score's share for a candidate twice as dear or twice as
 * slow, so one extreme candidate does not blur the others.
 */
export function scoreCandidates(drafts: readonly Draft[], weights: ScoreWeights): void {
  const prices = new Float64Array(drafts.length)
  const times = new Float64Array(drafts.length)
  let priceMin = Number.POSITIVE_INFINITY
  let timeMin = Number.POSITIVE_INFINITY
  for (let place = 0; place < drafts.length; place += 1) {
    const draft = drafts[place] as Draft
    const tries = 1 + perSuccess(draft.reading?.errorRate)
    const price = Number(draft.chargeExpected) * tries
    const time = draft.latencyMs * tries + perSuccess(draft.reading?.rateLimitedRate) * RATE_LIMITED_MS
    if (price < priceMin) priceMin = price
    if (time < timeMin) timeMin = time
    prices[place] = price
    times[place] = time
  }
  for (let place = 0; place < drafts.length; place += 1) {
    const draft = drafts[place] as Draft
    draft.score =
      weights.cost * share(priceMin, prices[place] as number) +
      weights.latency * share(timeMin, times[place] as number) +
      weights.quality * draft.offer.quality
  }
}

/**
 * Puts first one of the candidates that are as good as the best, by lot: the nearer to the best the likelier, and at the edge of
 * `NEAR_BEST` no longer. So the load spreads where it makes no difference. `candidates` are in order of their scores.
 */
export function pickNearBest(candidates: Draft[], draw: () => number): void {
  const [best] = candidates
  if (!best) return
  const near = candidates.filter((candidate) => isNearBest(candidate, best))
  if (near.length < 2) return
  const closeness = near.map(({ score }) => 1 - (best.score - score) / NEAR_BEST)
  let left = draw() * closeness.reduce((sum, one) => sum + one, 0)
  const picked = near.find((_, place) => {
    left -= closeness[place] ?? 0
    return left < 0
  })
  if (!picked || picked === best) return
  picked.why += ', drawn by lot from those near the best'
  moveFirst(candidates, picked)
}

/** Whether a candidate is as good as the best one, and no more ill or made up than that. */
export function isNearBest(candidate: Candidate, best: Candidate): boolean {
  return candidate.score > best.score - NEAR_BEST && isAsWellAs(candidate, best)
}

/** Failures to be expected before one success. */
function perSuccess(failureShare = 0): number {
  const bounded = Math.min(Math.max(failureShare, 0), FAILURE_SHARE_MAX)
  return bounded / (1 - bounded)
}

function share(best: number, own: number): number {
  return own > 0 ? best / own : 1
}
