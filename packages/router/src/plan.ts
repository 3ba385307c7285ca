import {
  type Credits,
  credits,
  isFareboxError,
  microCredits,
  type NanoUsd,
  type Offer,
  type ProviderAdapter,
  type UsageQuantity,
} from '@farebox/core'
import { MaximumChargeError } from '@farebox/pricing'
import {
  compareBy,
  compareByLot,
  type Draft,
  illnessOf,
  putRealFirst,
  type ScoreWeights,
  scoreCandidates,
} from './candidate-order.ts'
import type { Catalog, CatalogEntry } from './catalog.ts'
import type { HealthCondition, HealthView } from './health.ts'
import { refuse, refuseDisabled } from './refusal.ts'
import {
  type Candidate,
  type PhoneNumbers,
  Rejection,
  type Route,
  type RouteNeeds,
  type RouteRefusal,
  type RouteRequest,
} from './route.ts'
import { isServiceEnabled, namedProviders, type ServiceConfiguration, switchOf } from './service-configuration.ts'
import type { RoutingStrategy } from './strategy.ts'

/** What planning asks of price books. */
export interface PricePredictor {
  /**
   * What `quantities` of `offer` would be charged, and what they would cost us where that is known. Pure.
   *
   * @param numbers  of a phone call
   *
   * @throws {FareboxError} with code `PRICE_NOT_FOUND`, when the offer has no price
   * @throws {MaximumChargeError} when its price book refuses so dear a call
   */
  predict(offer: Offer, quantities: readonly UsageQuantity[], numbers?: PhoneNumbers): { charge: Credits; cost?: NanoUsd }
}

export interface PlanInput {
  request: RouteRequest
  configuration: ServiceConfiguration
  catalog: Catalog
  prices: PricePredictor
  health?: HealthView
  /** What may still be spent: the least of balance, budgets and the workflow's ceiling. */
  affordable: Credits
  /** From 0 up to 1, for strategy `weighted`. Without it the heaviest provider is first. */
  random?: () => number
}

/**
 * Chooses who may serve a request, and in which order. Makes no calls; the same inputs give the same route.
 *
 * The strategy is `highest_quality` for a request of high accuracy; else `lowest_cost` for one of low complexity under cost
 * optimization, unless accuracy comes first; else the configured one. Candidates that are ill or out of capacity go behind
 * those that are well, and stay in the route, so the last one is never lost. Whatever is above the request limit or what is
 * affordable, at its ceiling, is left out, so a cheaper candidate takes its place; with `accuracyFirst` the first choice, if
 * it is configured by name, is never replaced this way.
 *
 * @throws whatever `prices` throws beside `PRICE_NOT_FOUND` and `MAXIMUM_CHARGE`
 */
export function plan(input: PlanInput): Route | RouteRefusal {
  const { request, configuration, catalog } = input
  const field = request.needs?.images || request.operation === 'see' ? 'visionEnabled' : switchOf(request.service)
  if ((field && !configuration[field]) || !isServiceEnabled(configuration, request.service)) return refuseDisabled(request)

  const names = namedProviders(configuration, request.service)
  const rejected: Rejection[] = []
  const drafts: Draft[] = []
  for (const entry of catalog.forService(request.service)) {
    const considered = consider(entry, names, input)
    if (considered instanceof Rejection) rejected.push(considered)
    else drafts.push(considered)
  }

  const strategy = strategyFor(request, configuration)
  scoreCandidates(drafts, scoreWeights(configuration))
  const compare = strategy === 'weighted' ? compareByLot(drafts, configuration.weights, input.random) : compareBy(strategy)
  const keepsFirst = configuration.accuracyFirst && request.provider === undefined
  if (keepsFirst) {
    const first = drafts.reduce<Draft | undefined>((best, draft) => (best && compare(best, draft) <= 0 ? best : draft), undefined)
    const rejection = first?.rank === undefined ? undefined : overMoney(first, input)
    if (rejection) return refuse(request, [rejection, ...rejected], configuration, input.affordable)
  }

  const candidates: Candidate[] = []
  let hold = microCredits(0n)
  let isAnyIll = false
  for (const draft of drafts) {
    const rejection = overMoney(draft, input)
    if (rejection) {
      rejected.push(rejection)
      continue
    }
    if (draft.chargeCeiling > hold) hold = draft.chargeCeiling
    if (illnessOf(draft) > 0) isAnyIll = true
    candidates.push(draft)
  }
  if (candidates.length === 0) return refuse(request, rejected, configuration, input.affordable)
  candidates.sort(isAnyIll ? (left, right) => illnessOf(left) - illnessOf(right) || compare(left, right) : compare)
  putRealFirst(candidates)
  return {
    status: 'planned',
    service: request.service,
    operation: request.operation,
    candidates,
    rejected,
    strategy,
    notOffered: names.filter((name) => !catalog.forService(request.service).some((entry) => entry.offer.provider === name)),
    hold,
  }
}

function strategyFor(request: RouteRequest, configuration: ServiceConfiguration): RoutingStrategy {
  if (request.accuracy === 'high') return 'highest_quality'
  const isSimple = (request.complexity ?? configuration.complexity) === 'low'
  if (isSimple && configuration.costOptimization && !configuration.accuracyFirst) return 'lowest_cost'
  return configuration.strategy
}

function scoreWeights(configuration: ServiceConfiguration): ScoreWeights {
  if (configuration.accuracyFirst) return { cost: 0, latency: 0.2, quality: 0.8 }
  if (configuration.costOptimization) return { cost: 0.6, latency: 0.2, quality: 0.2 }
  return { cost: 0.2, latency: 0.3, quality: 0.5 }
}

/** One offer on its own merits: everything but money and order. */
function consider(entry: CatalogEntry, names: readonly string[], input: PlanInput): Draft | Rejection {
  const { request, configuration, prices } = input
  const { offer, adapter } = entry
  const rank = names.indexOf(offer.provider)
  if (request.provider !== undefined) {
    if (offer.provider !== request.provider) return new Rejection(offer, 'not_requested', 'the caller asked for another provider')
  } else if (rank < 0 && !configuration.lastResort) {
    return new Rejection(offer, 'not_configured', 'the configuration does not name it')
  }
  if (request.excludes?.includes(offer.provider)) return new Rejection(offer, 'excluded', 'the caller excluded it')
  if (adapter.availability.status === 'disabled') {
    return new Rejection(offer, 'provider_disabled', adapter.availability.reason)
  }
  const lacking = lackingCapability(entry, request)
  if (lacking) return new Rejection(offer, 'capability', lacking)

  let expected: ReturnType<PricePredictor['predict']>
  let ceiling: Credits
  try {
    const usage = request.usageOf?.(offer) ?? request
    expected = prices.predict(offer, usage.expected, request.numbers)
    ceiling = usage.ceiling === usage.expected ? expected.charge : prices.predict(offer, usage.ceiling, request.numbers).charge
  } catch (error) {
    if (error instanceof MaximumChargeError) {
      const refused = 'its price book refuses more than'
      return new Rejection(offer, 'over_request_limit', refused, credits(error.amount), credits(error.maximum))
    }
    if (!isFareboxError(error) || error.code !== 'PRICE_NOT_FOUND') throw error
    return new Rejection(offer, 'price_not_found', error.message)
  }
  const reading = input.health?.read(entry.healthKey)
  const condition = reading?.condition ?? 'ok'
  const measuredMs = request.needs?.streaming ? reading?.firstEventMs : reading?.answerMs
  return {
    offer,
    adapter,
    entry,
    chargeExpected: expected.charge,
    chargeCeiling: ceiling > expected.charge ? ceiling : expected.charge,
    cost: expected.cost,
    latencyMs: measuredMs ?? offer.latencyMs,
    score: 0,
    rank: rank < 0 ? undefined : rank,
    condition,
    why: whys[request.provider !== undefined ? 0 : rank < 0 ? 3 : rank === 0 ? 1 : 2][condition],
  }
}

function lackingCapability({ offer, adapter }: CatalogEntry, request: RouteRequest): string | undefined {
  const { capabilities } = offer
  const needs: RouteNeeds = request.needs ?? NO_NEEDS
  if (!canDo(adapter, request, needs.streaming === true)) return `its adapter cannot ${request.operation} this way`
  if (needs.streaming && !capabilities.streaming) return 'it does not stream'
  if (needs.tools && !capabilities.tools) return 'it does not call tools'
  if ((needs.images || request.operation === 'see') && !capabilities.images) return 'it does not see images'
  if ((needs.contextTokens ?? 0) > (capabilities.contextTokens ?? Number.POSITIVE_INFINITY)) return 'its context is too small'
  if ((needs.characters ?? 0) > (capabilities.charactersMax ?? Number.POSITIVE_INFINITY)) return 'the text is too long for it'
  return undefined
}

function canDo(adapter: ProviderAdapter, request: RouteRequest, streaming: boolean): boolean {
  switch (request.operation) {
    case 'chat':
    case 'see':
      return (streaming ? adapter.streamChat : adapter.chat) !== undefined
    case 'speak':
      return (streaming ? adapter.streamSpeech : adapter.speak) !== undefined
    case 'transcribe':
      return adapter.transcribe !== undefined
    case 'listen':
      return adapter.streamTranscription !== undefined
    case 'converse':
      return adapter.converse !== undefined
    case 'call':
      return adapter.call !== undefined
    case 'embed':
      return adapter.embed !== undefined
  }
}

/** The limit before the balance: a request over the limit is refused however rich the account is. */
function overMoney(draft: Draft, { configuration, affordable }: PlanInput): Rejection | undefined {
  const limit = configuration.maxCreditsPerRequest
  const needed = draft.chargeCeiling
  if (limit !== null && needed > limit)
    return new Rejection(draft.offer, 'over_request_limit', 'a request may cost', needed, limit)
  if (needed > affordable) return new Rejection(draft.offer, 'insufficient_credits', 'there are', needed, affordable)
  return undefined
}

const NO_NEEDS: RouteNeeds = {}

function because(place: string): Record<HealthCondition, string> {
  return {
    ok: place,
    probe: `${place}, recovering`,
    rate_limited: `${place}, moved back: rate limited`,
    sick: `${place}, moved back: failing`,
    refusing: `${place}, moved back: key, quota or model refused`,
  }
}

const whys = [
  because('asked for by the caller'),
  because('configured first'),
  because('configured fallback'),
  because('last resort: offered, not configured'),
] as const
