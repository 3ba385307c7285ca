import {
  type Credits,
  formatCredits,
  type NanoUsd,
  type Offer,
  type ProviderAdapter,
  type Service,
  type UsageQuantity,
} from '@farebox/core'
import type { CatalogEntry } from './catalog.ts'
import type { HealthCondition } from './health.ts'
import type { Complexity } from './service-configuration.ts'
import type { RoutingStrategy } from './strategy.ts'

/** What an adapter is asked to do. `listen` is a live transcription, `converse` a conversation in speech. */
export type Operation = 'chat' | 'see' | 'transcribe' | 'listen' | 'speak' | 'converse' | 'embed' | 'call'

/** Whether an operation goes on for as long as people talk, so that its deadlines are those of a telephone call. */
export function isLive(operation: Operation): boolean {
  return operation === 'call' || operation === 'listen' || operation === 'converse'
}

/** What is to be routed. */
export interface RouteRequest {
  service: Service
  operation: Operation
  /** What the request will probably use; its charge is what strategies compare. */
  expected: readonly UsageQuantity[]
  /** The most that it can use, which a hold must cover; its charge is what limits and balances are compared with. */
  ceiling: readonly UsageQuantity[]
  /** The same two of one offer, where they depend on its model. */
  usageOf?: (offer: Offer) => Pick<RouteRequest, 'expected' | 'ceiling'>
  /** The numbers of a phone call, which its price may depend on. */
  numbers?: PhoneNumbers
  needs?: RouteNeeds
  /** The only provider that may serve it, when the caller insists. */
  provider?: string
  /** @defaultValue the configuration's */
  complexity?: Complexity
  /** `high` takes the provider of the highest quality. @defaultValue `standard` */
  accuracy?: 'standard' | 'high'
  /** Providers that may not serve it. */
  excludes?: readonly string[]
}

/** Telephone numbers in E.164. */
export interface PhoneNumbers {
  to?: string
  from?: string
}

/** What a candidate must be able to do. An offer that states no limit of tokens or characters has none. */
export interface RouteNeeds {
  streaming?: boolean
  tools?: boolean
  images?: boolean
  /** Tokens of input and output together. */
  contextTokens?: number
  /** Characters to be spoken. */
  characters?: number
}

/** An offer that may serve the request, with what that is predicted to take. */
export interface Candidate {
  readonly offer: Offer
  readonly adapter: ProviderAdapter
  readonly entry: CatalogEntry
  /** Charge for the expected usage. */
  readonly chargeExpected: Credits
  /** Charge for the ceiling, never below the expected one. */
  readonly chargeCeiling: Credits
  /** What the provider charges us for the expected usage; `undefined` when the price book does not say. */
  readonly cost: NanoUsd | undefined
  /** As measured, or as the offer says until then. */
  readonly latencyMs: number
  /** From 0 (worst) to 1 (best): cost, latency and quality beside those of the other candidates. */
  readonly score: number
  /** Place in the configured order, from 0; `undefined` when it is named nowhere. */
  readonly rank: number | undefined
  readonly condition: HealthCondition
  /** Why it is in the route, in words. */
  readonly why: string
}

/** Why an offer is not a candidate, in the order in which they are checked: the first that applies is given. */
export type RejectionReason =
  | 'not_requested'
  | 'excluded'
  | 'not_configured'
  | 'provider_disabled'
  | 'capability'
  | 'price_not_found'
  | 'over_request_limit'
  | 'insufficient_credits'

/** An offer that was considered and left out. */
export class Rejection {
  readonly offer: Offer
  readonly reason: RejectionReason
  /** Charge at the ceiling, where money was the reason. */
  readonly charge: Credits | undefined
  /** What that charge may be at most, where money was the reason. */
  readonly allowed: Credits | undefined
  readonly #words: string

  constructor(offer: Offer, reason: RejectionReason, words: string, charge?: Credits, allowed?: Credits) {
    this.offer = offer
    this.reason = reason
    this.#words = words
    this.charge = charge
    this.allowed = allowed
  }

  /** The reason in words. Written when it is read, because planning happens on every request and reading does not. */
  get detail(): string {
    if (this.charge === undefined || this.allowed === undefined) return this.#words
    return `may cost ${formatCredits(this.charge)} credits, ${this.#words} ${formatCredits(this.allowed)}`
  }
}

/** The ordered candidates chosen for a request, and why. */
export interface Route {
  readonly status: 'planned'
  readonly service: Service
  readonly operation: Operation
  /** First choice first; never empty. */
  readonly candidates: readonly Candidate[]
  readonly rejected: readonly Rejection[]
  /** The strategy that ordered them, which the request may have chosen. */
  readonly strategy: RoutingStrategy
  /** Configured providers that no adapter offers. */
  readonly notOffered: readonly string[]
  /** The dearest ceiling of the chain: held, it covers whichever candidate serves. */
  readonly hold: Credits
}

/**
 * Why a request has no route. Where offers were rejected for several reasons, the one that came closest to serving decides,
 * because removing that obstacle is enough. From the closest:
 *
 * `insufficient_credits`, `over_request_limit`, `price_not_found`, `capability`, `no_provider` (none offered, all excluded or
 * without a key). `service_disabled` comes before all of them: the offers are not looked at.
 */
export type RefusalReason =
  | 'service_disabled'
  | 'insufficient_credits'
  | 'over_request_limit'
  | 'price_not_found'
  | 'capability'
  | 'no_provider'

/** Nothing can serve the request. */
export interface RouteRefusal {
  readonly status: 'refused'
  readonly service: Service
  readonly operation: Operation
  readonly reason: RefusalReason
  /** Safe to show. */
  readonly message: string
  /** The least that would have sufficed, where money was the reason: the cheapest ceiling. */
  readonly needed?: Credits
  /** What the account may spend, for `insufficient_credits`. */
  readonly available?: Credits
  /** What a request may cost, for `over_request_limit`. */
  readonly limit?: Credits
  readonly rejected: readonly Rejection[]
}

/** A route or a refusal as lines that a person can read, the most important first. */
export function explainRoute(route: Route | RouteRefusal): string[] {
  const rejected = route.rejected.map(({ offer, reason, detail }) => `not ${offer.provider}: ${reason}, ${detail}`)
  if (route.status === 'refused') return [`${route.service} ${route.operation} refused: ${route.message}`, ...rejected]
  return [
    `${route.service} ${route.operation} by ${route.strategy}, hold ${formatCredits(route.hold)} credits`,
    ...route.candidates.map(
      (candidate, index) =>
        `${index + 1}. ${candidate.offer.provider} (${candidate.adapter.name}): ${candidate.why}; ` +
        `${formatCredits(candidate.chargeExpected)} credits expected, ${formatCredits(candidate.chargeCeiling)} at most; ` +
        `${Math.round(candidate.latencyMs)} ms; score ${candidate.score.toFixed(2)}`,
    ),
    ...route.notOffered.map((name) => `not ${name}: configured, but no adapter offers it`),
    ...rejected,
  ]
}
