import { type Credits, microCredits } from '@farebox/core'
import { pickNearBest, scoreCandidates, scoreWeights } from './balanced-score.ts'
import { compareBy, compareByLot, type Draft, illnessOf, putRealFirst } from './candidate-order.ts'
import type { Catalog } from './catalog.ts'
import { complexityClassifier } from './classify-complexity.ts'
import { type ComplexityClassifier, type ComplexityDecision, resolveComplexity } from './complexity.ts'
import { applyConditions } from './conditions.ts'
import { consider, type PricePredictor, predictCeilingIfPriced } from './consider.ts'
import { demandsOf } from './eligibility.ts'
import { explore } from './exploration.ts'
import type { HealthView } from './health.ts'
import { isLiveSound } from './priced-offer.ts'
import { refuse, refuseDisabled } from './refusal.ts'
import { type Exploration, holdFor, Rejection, type Route, type RouteRefusal } from './route.ts'
import type { RouteRequest } from './route-request.ts'
import { isServiceEnabled, namedProviders, type ServiceConfiguration, switchOf } from './service-configuration.ts'
import { keepSession } from './session.ts'
import type { RoutingStrategy } from './strategy.ts'

/** Everything that a route depends on. */
export interface PlanInput {
  request: RouteRequest
  configuration: ServiceConfiguration
  catalog: Catalog
  prices: PricePredictor
  health?: HealthView
  /** What may still be spent: the lowest of balance, budgets and the workflow's ceiling. */
  affordable: Credits
  /** Draws from 0 up to 1, for strategy `weighted`, near-best picks and exploration. Without it, the heaviest or best is first. */
  random?: () => number
  /** Epoch milliseconds, UTC, to tell whether a session has expired. Without it, no session expires. */
  now?: number
  /** Classifies requests of complexity `auto`. @defaultValue {@link complexityClassifier} */
  classifier?: ComplexityClassifier
}

/**
 * Chooses which candidates may serve a request, and in which order. Makes no calls: the same inputs give the same route.
 *
 * 1. The configuration's conditions apply.
 * 2. The strategy is `highest_quality` for a request of high accuracy. Otherwise it is `lowest_cost` for a request of low
 *    complexity under cost optimization, unless `accuracyFirst` is set. Otherwise it is the configured one.
 * 3. Offers whose ceiling exceeds the request limit or what is affordable are left out, so a cheaper candidate takes their place.
 *    Under `accuracyFirst`, if that would drop a first choice that is configured by name, the request is refused instead.
 * 4. Candidates that are ill or out of capacity move behind healthy ones but stay in the route, as a last resort.
 * 5. A session, a near-best pick or exploration may change which candidate comes first.
 *
 * @throws whatever `prices` throws, except `PRICE_NOT_FOUND` and `MAXIMUM_CHARGE`
 */
export function plan(input: PlanInput): Route | RouteRefusal {
  const { request, catalog, affordable } = input
  const { configuration, met } = applyConditions(input.configuration, request.metadata)
  const field = request.needs?.images || request.operation === 'see' ? 'visionEnabled' : switchOf(request.service)
  if ((field && !configuration[field]) || !isServiceEnabled(configuration, request.service)) return refuseDisabled(request)

  const names = namedProviders(configuration, request.service)
  const { drafts, rejected } = considerAll(input, configuration, names)
  const complexity = resolveComplexity(request, configuration, input.classifier ?? complexityClassifier)
  const strategy = strategyFor(request, configuration, complexity)
  scoreCandidates(drafts, scoreWeights(configuration))
  const draws: number[] = []
  const draw = drawer(input.random, draws)
  const compare = strategy === 'weighted' ? compareByLot(drafts, configuration.weights, draw) : compareBy(strategy)
  if (configuration.accuracyFirst && request.provider === undefined) {
    const first = drafts.reduce<Draft | undefined>((best, draft) => (best && compare(best, draft) <= 0 ? best : draft), undefined)
    const rejection = first?.rank === undefined ? undefined : overMoney(first, configuration, affordable)
    if (rejection) return refuse(request, [rejection, ...rejected], configuration, affordable)
  }

  const candidates = withinMoney(drafts, rejected, configuration, affordable)
  if (candidates.length === 0) return refuse(request, rejected, configuration, affordable)
  const isAnyIll = candidates.some((candidate) => illnessOf(candidate) > 0)
  candidates.sort(isAnyIll ? (left, right) => illnessOf(left) - illnessOf(right) || compare(left, right) : compare)
  putRealFirst(candidates)

  const session = request.session && !configuration.accuracyFirst ? keepSession(candidates, strategy) : undefined
  const isFree = strategy === 'balanced' && !configuration.accuracyFirst && session?.candidate !== candidates[0]
  if (isFree && draw) pickNearBest(candidates, draw)
  // Live sound is charged while it goes on, at the price of whoever serves it.
  const isTrialAllowed = complexity.complexity !== 'high' && !isLiveSound(request.operation)
  const mayExplore = isFree && draw && configuration.exploration > 0 && isTrialAllowed
  const explored = mayExplore ? explore(candidates, configuration.exploration, draw) : undefined
  const exploration = explored && withCeiling(explored, input)
  return {
    status: 'planned',
    service: request.service,
    operation: request.operation,
    candidates,
    rejected,
    strategy,
    notOffered: names.filter((name) => !catalog.forService(request.service).some((entry) => entry.offer.provider === name)),
    hold: dearestHold(candidates, exploration),
    complexity,
    conditions: met,
    exploration,
    session,
    draws,
  }
}

function considerAll(input: PlanInput, configuration: ServiceConfiguration, names: readonly string[]) {
  const { request, now } = input
  const isSessionOver = request.session !== undefined && now !== undefined && now >= request.session.expiresAt
  const consideration = {
    request,
    demands: demandsOf(request, configuration),
    lastResort: configuration.lastResort,
    session: isSessionOver ? undefined : request.session,
    prices: input.prices,
    health: input.health,
  }
  const rejected: Rejection[] = []
  const drafts: Draft[] = []
  for (const entry of input.catalog.forService(request.service)) {
    const considered = consider(entry, names.indexOf(entry.offer.provider), consideration)
    if (considered instanceof Rejection) rejected.push(considered)
    else drafts.push(considered)
  }
  return { drafts, rejected }
}

function strategyFor(
  { accuracy }: RouteRequest,
  configuration: ServiceConfiguration,
  { complexity }: ComplexityDecision,
): RoutingStrategy {
  if (accuracy === 'high') return 'highest_quality'
  if (complexity === 'low' && configuration.costOptimization && !configuration.accuracyFirst) return 'lowest_cost'
  return configuration.strategy
}

/** Checks the limit before the balance: a request over the limit is refused however large the balance is. */
function overMoney(draft: Draft, configuration: ServiceConfiguration, affordable: Credits): Rejection | undefined {
  const limit = configuration.maxCreditsPerRequest
  const charge = draft.chargeCeiling
  const candidate = draft
  if (limit !== null && charge > limit)
    return new Rejection(draft.entry, 'over_request_limit', 'a request may cost', { charge, allowed: limit, candidate })
  if (charge > affordable)
    return new Rejection(draft.entry, 'insufficient_credits', 'there are', { charge, allowed: affordable, candidate })
  return undefined
}

function withinMoney(drafts: readonly Draft[], rejected: Rejection[], configuration: ServiceConfiguration, affordable: Credits) {
  const within: Draft[] = []
  for (const draft of drafts) {
    const rejection = overMoney(draft, configuration, affordable)
    if (rejection) rejected.push(rejection)
    else within.push(draft)
  }
  return within
}

function dearestHold(candidates: readonly Draft[], exploration: Route['exploration']): Credits {
  let dearest = microCredits(0n)
  for (const candidate of candidates) {
    const hold = holdFor({ exploration }, candidate)
    if (hold > dearest) dearest = hold
  }
  return dearest
}

/** Adds the most that the explored candidate's usage may cost at the price of the one that it replaces, if they count differently. */
function withCeiling(exploration: Exploration, { request, prices }: PlanInput): Exploration {
  const { candidate, insteadOf } = exploration
  const usage = request.usageOf?.(candidate.offer)
  if (!usage || usage === request.usageOf?.(insteadOf.offer)) return exploration
  return { ...exploration, ceiling: predictCeilingIfPriced(prices, insteadOf.offer, request, usage) ?? candidate.chargeCeiling }
}

/** Wraps `random` to record its draws, so that the decision can be replayed. */
function drawer(random: (() => number) | undefined, draws: number[]): (() => number) | undefined {
  if (!random) return undefined
  return () => {
    const drawn = random()
    draws.push(drawn)
    return drawn
  }
}
