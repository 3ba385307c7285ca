import { type Draft, isAsWellAs, moveFirst } from './candidate-order.ts'
import type { Candidate } from './route.ts'
import type { ServiceConfiguration } from './service-configuration.ts'

/** Weights of the parts of a score. They sum to 1. */
export interface ScoreWeights {
  cost: number
  latency: number
  quality: number
}

/** Scores within this distance of the best count as equally good. */
const NEAR_BEST = 0.05
/** The time that a 429 costs: a short wait, and going to the next candidate. It costs no money. */
const RATE_LIMITED_MS = 500
/** Caps the failure share, and so the expected failures at nine for one answer. Without a cap they could be infinite. */
const FAILURE_SHARE_MAX = 0.9

/** The weights that `configuration` implies. */
export function scoreWeights(configuration: ServiceConfiguration): ScoreWeights {
  if (configuration.accuracyFirst) return { cost: 0, latency: 0.2, quality: 0.8 }
  if (configuration.costOptimization) return { cost: 0.6, latency: 0.2, quality: 0.2 }
  return { cost: 0.2, latency: 0.3, quality: 0.5 }
}

/**
 * Scores every draft by price, quality, and time to the first token (of a stream) or to the answer. Price and time include
 * expected failures: each failure before an answer costs the price and the time of another try, each 429 the time of a short
 * wait. Price and time are relative to the best candidate: twice the price or time gets half the points. So one extreme candidate
 * does not compress the differences between the others.
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
 * Moves a randomly drawn near-best candidate to the front, to spread the load where it makes no difference. The probability falls
 * linearly with the distance from the best score and reaches zero at `NEAR_BEST`. `candidates` must be in order, best first.
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

/** Whether a candidate's score is near that of `best`, with health as good, and simulated only if that one is too. */
export function isNearBest(candidate: Candidate, best: Candidate): boolean {
  return candidate.score > best.score - NEAR_BEST && isAsWellAs(candidate, best)
}

/** Expected failures before one success. */
function perSuccess(failureShare = 0): number {
  const bounded = Math.min(Math.max(failureShare, 0), FAILURE_SHARE_MAX)
  return bounded / (1 - bounded)
}

function share(best: number, own: number): number {
  return own > 0 ? best / own : 1
}
