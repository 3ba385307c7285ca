import { illnessOf, weightOf } from './candidate-order.ts'
import type { Candidate, Rejection, Route } from './route.ts'

/** Those whom a record keeps of a route. */
interface Kept {
  candidates: readonly Candidate[]
  rejected: readonly Rejection[]
}

/**
 * The draws of a `weighted` route that belong to those whom the record keeps, in the order of the catalog: what draws for them alone must be
 * given for the same order. `undefined` where all were kept, or other strategies drew.
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
    // A weight is shared by all who sell the same provider, also by those who are left out.
    return [draw ** (sellersOf(drawn, seller) / sellersOf(own, seller))]
  })
}

/** All that lots were drawn for: who was too dear had one too. */
function inOrder({ candidates, rejected }: Kept) {
  const drafts = [
    ...candidates.map((candidate) => ({ entry: candidate.entry, illness: illnessOf(candidate) })),
    ...rejected.filter(({ charge }) => charge !== undefined).map(({ entry }) => ({ entry, illness: 0 })),
  ]
  return drafts
    .map(({ entry: { offer, position }, illness }) => ({
      position,
      provider: offer.provider,
      seller: `${illness} ${offer.provider}`,
    }))
    .sort((left, right) => left.position - right.position)
}
