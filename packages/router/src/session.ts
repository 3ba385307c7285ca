import { formatQuantity, type Quantity, type UsageQuantity } from '@farebox/core'
import { isNearBest } from './balanced-score.ts'
import { type Draft, isAsWellAs, moveFirst } from './candidate-order.ts'
import type { CatalogEntry } from './catalog.ts'
import type { Candidate, SessionEffect } from './route.ts'
import type { RouteSession } from './route-request.ts'
import type { RoutingStrategy } from './strategy.ts'

/** Whether the session is with `entry`. */
export function isSessionWith(session: RouteSession, { offer, adapter }: CatalogEntry): boolean {
  const { provider, adapter: served = adapter.name, model = offer.model } = session
  return provider === offer.provider && served === adapter.name && model === offer.model
}

/** `quantities` with up to `cachedInput` input tokens counted as read from a cache. `undefined`: no input can be cached. */
export function withCachedInput(quantities: readonly UsageQuantity[], cachedInput: Quantity): UsageQuantity[] | undefined {
  const input = quantities.find(({ meter, unit }) => meter === 'input' && unit === 'tokens')
  if (!input) return undefined
  const cached = cachedInput < input.quantity ? cachedInput : input.quantity
  if (cached <= 0n) return undefined
  const others = quantities.filter((usage) => usage !== input)
  return [
    ...others,
    { ...input, quantity: (input.quantity - cached) as Quantity },
    { meter: 'cached_input', quantity: cached, unit: 'tokens' },
  ]
}

/**
 * Moves the candidate that has the beginning of the conversation cached to the front, if that pays under `strategy`:
 *
 * - `lowest_cost`: if it is no more expensive than the cheapest.
 * - `balanced`: if its score is near the best.
 * - `configured` and `highest_quality`: if it is cheaper than the first candidate and of no lower quality.
 *
 * Other strategies never keep a session. A candidate never moves before a healthier one.
 */
export function keepSession(candidates: Draft[], strategy: RoutingStrategy): SessionEffect | undefined {
  const candidate = candidates.find(({ cachedInput }) => cachedInput !== undefined)
  const [first] = candidates
  if (!candidate?.cachedInput || !first) return undefined
  const isKept = candidate !== first && isAsWellAs(candidate, first) && pays(candidate, first, strategy)
  if (isKept) moveFirst(candidates, candidate)
  candidate.why += `, ${formatQuantity(candidate.cachedInput)} tokens of its cache${isKept ? ' keep it first' : ''}`
  return { candidate, isKept }
}

function pays(candidate: Candidate, first: Candidate, strategy: RoutingStrategy): boolean {
  switch (strategy) {
    case 'lowest_cost':
      return compareCost(candidate, first) <= 0
    case 'balanced':
      return isNearBest(candidate, first)
    case 'configured':
    case 'highest_quality':
      return candidate.offer.quality >= first.offer.quality && compareCost(candidate, first) < 0
    default:
      return false
  }
}

/** Compares what the customer pays, and if that is equal, what the host pays, if both costs are known. */
function compareCost(left: Candidate, right: Candidate): number {
  if (left.chargeExpected !== right.chargeExpected) return left.chargeExpected < right.chargeExpected ? -1 : 1
  if (left.cost === undefined || right.cost === undefined || left.cost === right.cost) return 0
  return left.cost < right.cost ? -1 : 1
}
