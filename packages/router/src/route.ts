import {
  type Credits,
  formatCredits,
  type NanoUsd,
  type Offer,
  type ProviderAdapter,
  type Quantity,
  type Service,
} from '@farebox/core'
import type { CatalogEntry } from './catalog.ts'
import type { ComplexityDecision } from './complexity.ts'
import type { HealthCondition, HealthReading } from './health.ts'
import type { RoutingStrategy } from './strategy.ts'

/** What an adapter is asked to do. `listen` is a live transcription, `converse` a conversation in speech. */
export type Operation = 'chat' | 'see' | 'transcribe' | 'listen' | 'speak' | 'converse' | 'embed' | 'call'

/** Whether an operation goes on for as long as people talk, so that its deadlines are those of a telephone call. */
export function isLive(operation: Operation): boolean {
  return operation === 'call' || operation === 'listen' || operation === 'converse'
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
  /** Tokens of the input that it is expected to read from its cache. Absent: its charge counts on none. */
  readonly cachedInput?: Quantity
  /** From 0 (worst) to 1 (best): price and time, with what failures add to them, and quality, beside those of the other candidates. */
  readonly score: number
  /** Place in the configured order, from 0; `undefined` when it is named nowhere. */
  readonly rank: number | undefined
  readonly condition: HealthCondition
  /** What was known of its health. Absent: nothing. */
  readonly reading?: HealthReading
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

/** What has no room: the words of a chat with its answer, in tokens, or a text that is to be spoken. */
export interface TooLong {
  readonly unit: 'tokens' | 'characters'
  /** As it is predicted. */
  readonly length: number
  readonly most: number
}

/** An offer that was considered and left out. */
export class Rejection {
  readonly entry: CatalogEntry
  readonly reason: RejectionReason
  /** Charge at the ceiling, where money was the reason. */
  readonly charge: Credits | undefined
  /** What that charge may be at most, where money was the reason. */
  readonly allowed: Credits | undefined
  /** What has no room, where that is all that was wrong. */
  readonly tooLong: TooLong | undefined
  readonly #words: string

  constructor(
    entry: CatalogEntry,
    reason: RejectionReason,
    words: string,
    { charge, allowed, tooLong }: { charge?: Credits; allowed?: Credits; tooLong?: TooLong } = {},
  ) {
    this.entry = entry
    this.reason = reason
    this.#words = words
    this.charge = charge
    this.allowed = allowed
    this.tooLong = tooLong
  }

  get offer(): Offer {
    return this.entry.offer
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
  /** The most that {@link holdFor} asks for a candidate of the chain: held, it covers whichever serves. */
  readonly hold: Credits
  /** How hard the request was taken to be, which may have chosen the strategy. */
  readonly complexity?: ComplexityDecision
  /** Places in the configuration's `conditions` of those that were met. Absent: none. */
  readonly conditions?: readonly number[]
  /** Present where a candidate goes first to become better known. */
  readonly exploration?: Exploration
  /** Present where the request has a session with a candidate, whose charge then counts what it has cached. */
  readonly session?: SessionEffect
  /** The random numbers that were drawn, in order. Absent or empty: chance had no part. */
  readonly draws?: readonly number[]
}

/**
 * A candidate goes first of which less is known, so that more will be. That is at our expense: whatever its attempt uses, the customer
 * pays no more than `insteadOf` would have charged for it, and no more than {@link holdFor} need be held.
 */
export interface Exploration {
  readonly candidate: Candidate
  /** Who would have been first, and comes second. */
  readonly insteadOf: Candidate
}

/** What a session did to a route. */
export interface SessionEffect {
  readonly candidate: Candidate
  /** Whether the candidate is first because of what it has cached, and would not be otherwise. */
  readonly isKept: boolean
}

/** What must be held before `candidate` of `route` is called: its ceiling, and for an explored one no more than that of who it replaced. */
export function holdFor({ exploration }: Pick<Route, 'exploration'>, candidate: Candidate): Credits {
  const isReplacing = exploration?.candidate === candidate && exploration.insteadOf.chargeCeiling < candidate.chargeCeiling
  return isReplacing ? exploration.insteadOf.chargeCeiling : candidate.chargeCeiling
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
  /** By how much it is too long, where a shorter one would be served: of those who would serve it, whoever takes most. */
  readonly tooLong?: TooLong
  readonly rejected: readonly Rejection[]
}
