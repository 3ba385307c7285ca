import { illnessOf, weightOf } from './candidate-order.ts'
import type { Candidate, Rejection, Route } from './route.ts'

/** The part of a route that a record keeps. */
interface Kept {
  candidates: readonly Candidate[]
  rejected: readonly Rejection[]
}

/**
 * The draws of a `weighted` route for its recorded offers, in catalog order. Drawing among these offers alone, they give the same
 * order. `undefined`: the record has all offers, or the strategy is another.
 */
export function recordedDraws(
  { strategy, candidates, rejected, draws = [] }: Route,
  weights: Readonly<Record<string, number>>,
  kept: Kept,
): number[] | undefined {
  if (strategy !== 'weighted' || draws.length === 0) return undefined
  const drawn = inOrder({ candidates, rejected }).filter(({ provider }) => weightOf(provider, weights) > 0)
  const places = new Set(inOrder(kept).map(({ position }) => position))
  const own = drawn.filter(({ position }) => places.has(position))
  if (own.length === drawn.length) return undefined
  const sellersOf = (all: typeof drawn, seller: string) => all.filter((one) => one.seller === seller).length
  return drawn.flatMap(({ position, seller }, place) => {
    const draw = draws[place]
    if (draw === undefined || !places.has(position)) return []
    // All sellers of a provider share its weight, including those that the record omits.
    return [draw ** (sellersOf(drawn, seller) / sellersOf(own, seller))]
  })
}

/** Every offer that had a draw, including those that were too expensive. */
function inOrder({ candidates, rejected }: Kept) {
  const drafts = [
    ...candidates.map((candidate) => ({ entry: candidate.entry, illness: illnessOf(candidate) })),
    ...rejected.flatMap(({ candidate }) => (candidate ? [{ entry: candidate.entry, illness: illnessOf(candidate) }] : [])),
  ]
  return drafts
    .map(({ entry: { offer, position }, illness }) => ({
      position,
      provider: offer.provider,
      seller: `${illness} ${offer.provider}`,
    }))
    .sort((left, right) => left.position - right.position)
}
