import { formatQuantity, type Quantity, type UsageQuantity } from '@farebox/core'
import { isNearBest } from './balanced-score.ts'
import { type Draft, isAsWellAs, moveFirst } from './candidate-order.ts'
import type { CatalogEntry } from './catalog.ts'
import type { Candidate, SessionEffect } from './route.ts'
import type { RouteSession } from './route-request.ts'
import type { RoutingStrategy } from './strategy.ts'

/** Whether `entry` is who the session is with. */
export function isSessionWith(session: RouteSession, { offer, adapter }: CatalogEntry): boolean {
  return session.provider === offer.provider && (session.adapter === undefined || session.adapter === adapter.name)
}

/** `quantities` with up to `cachedInput` tokens of the input as read from a cache; `undefined` when there is no such input. */
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
 * Keeps a conversation where its beginning is cached, if that pays under `strategy`: first of all under `lowest_cost` where it is no
 * dearer than the cheapest, under `balanced` where it is near the best, and in configured order or that of quality where it is cheaper
 * than the first and no worse. Never before who is better off in health, and never by the other strategies.
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

/** By what the customer pays; where that is equal, by what we pay, if both are known. */
function compareCost(left: Candidate, right: Candidate): number {
  if (left.chargeExpected !== right.chargeExpected) return left.chargeExpected < right.chargeExpected ? -1 : 1
  if (left.cost === undefined || right.cost === undefined || left.cost === right.cost) return 0
  return left.cost < right.cost ? -1 : 1
}
