import { type Draft, isAsWellAs, moveFirst } from './candidate-order.ts'
import type { Exploration } from './route.ts'

/** How many times the price of the replaced candidate an explored one may cost, because the host pays the difference. */
const PRICE_TIMES_MAX = 2
/** How much lower in quality an explored candidate may be, because the customer gets its answer. */
const QUALITY_LOSS_MAX = 0.1

/**
 * With a probability of `share`, moves a less known candidate to the front: the one with the fewest samples, and the best of
 * equals. It must be as healthy as the first one, real if that one is, at most twice as expensive, and hardly lower in quality.
 *
 * @param candidates  in order, first choice first
 */
export function explore(candidates: Draft[], share: number, draw: () => number): Exploration | undefined {
  const [first] = candidates
  if (!first || candidates.length < 2 || draw() < 1 - share) return undefined
  let least: Draft | undefined
  for (const candidate of candidates) {
    if (samplesOf(candidate) < samplesOf(least ?? first) && mayReplace(candidate, first)) least = candidate
  }
  if (!least) return undefined
  moveFirst(candidates, least)
  least.why += `, tried out instead of ${first.offer.provider} (${first.adapter.name}), at our expense`
  return { candidate: least, insteadOf: first }
}

function mayReplace(candidate: Draft, first: Draft): boolean {
  return (
    candidate.condition === 'ok' &&
    isAsWellAs(candidate, first) &&
    Number(candidate.chargeExpected) <= PRICE_TIMES_MAX * Number(first.chargeExpected) &&
    candidate.offer.quality >= first.offer.quality - QUALITY_LOSS_MAX
  )
}

function samplesOf({ reading }: Draft): number {
  return reading?.samples ?? 0
}
