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

/** What an adapter is asked to do. `listen` is a live transcription, `converse` a spoken conversation. */
export type Operation = 'chat' | 'see' | 'transcribe' | 'listen' | 'speak' | 'converse' | 'embed' | 'call'

/** Whether an operation lasts as long as people talk, and so gets the deadlines of a phone call. */
export function isLive(operation: Operation): boolean {
  return operation === 'call' || operation === 'listen' || operation === 'converse'
}

/** An offer that may serve the request, with its predicted charge, cost and latency. */
export interface Candidate {
  readonly offer: Offer
  readonly adapter: ProviderAdapter
  readonly entry: CatalogEntry
  /** Charge for the expected usage. */
  readonly chargeExpected: Credits
  /** Charge for the ceiling, never below `chargeExpected`. */
  readonly chargeCeiling: Credits
  /** What the provider charges you for the expected usage. `undefined`: the price book does not say. */
  readonly cost: NanoUsd | undefined
  /** As measured. Until there is a measurement, as the offer states. */
  readonly latencyMs: number
  /** Input tokens that the provider is expected to read from its cache. Absent: the charge assumes none. */
  readonly cachedInput?: Quantity
  /** From 0 (worst) to 1 (best), relative to the other candidates: quality, and price and time including expected failures. */
  readonly score: number
  /** Place in the configured order, from 0. `undefined`: the configuration does not name it. */
  readonly rank: number | undefined
  readonly condition: HealthCondition
  /** Its health when the route was planned. Absent: nothing was known. */
  readonly reading?: HealthReading
  /** Why it is in the route, as text. */
  readonly why: string
}

/** Why an offer is not a candidate: the first that applies, in this order, except that `not_configured` precedes `excluded`. */
export type RejectionReason =
  | 'not_requested'
  | 'excluded'
  | 'not_configured'
  | 'provider_disabled'
  | 'capability'
  | 'price_not_found'
  | 'over_request_limit'
  | 'insufficient_credits'

/** Input that does not fit: a chat with its answer, in tokens, or a text to be spoken, in characters. */
export interface TooLong {
  readonly unit: 'tokens' | 'characters'
  /** Predicted length. */
  readonly length: number
  readonly most: number
}

/** An offer that planning considered and left out. */
export class Rejection {
  readonly entry: CatalogEntry
  readonly reason: RejectionReason
  /** Charge at the ceiling, where money was the reason. */
  readonly charge: Credits | undefined
  /** The most that it was allowed to charge, where money was the reason. */
  readonly allowed: Credits | undefined
  /** What did not fit, where that was the only obstacle. */
  readonly tooLong: TooLong | undefined
  /** Its time, as measured, or as the offer states, where that was too slow. */
  readonly latencyMs: number | undefined
  /** The candidate that it would have been, where the request limit or the balance was the reason. Others were scored beside it. */
  readonly candidate: Candidate | undefined
  readonly #words: string

  constructor(
    entry: CatalogEntry,
    reason: RejectionReason,
    words: string,
    {
      charge,
      allowed,
      tooLong,
      latencyMs,
      candidate,
    }: { charge?: Credits; allowed?: Credits; tooLong?: TooLong; latencyMs?: number; candidate?: Candidate } = {},
  ) {
    this.entry = entry
    this.reason = reason
    this.#words = words
    this.charge = charge
    this.allowed = allowed
    this.tooLong = tooLong
    this.latencyMs = latencyMs
    this.candidate = candidate
  }

  get offer(): Offer {
    return this.entry.offer
  }

  /** The reason as text. Composed when read, because every request is planned and few explanations are read. */
  get detail(): string {
    if (this.charge === undefined || this.allowed === undefined) return this.#words
    return `may cost ${formatCredits(this.charge)} credits, ${this.#words} ${formatCredits(this.allowed)}`
  }
}

/** The candidates chosen for a request, in order, and why. */
export interface Route {
  readonly status: 'planned'
  readonly service: Service
  readonly operation: Operation
  /** First choice first; never empty. */
  readonly candidates: readonly Candidate[]
  readonly rejected: readonly Rejection[]
  /** The strategy that ordered the candidates. The request may have overridden the configured one. */
  readonly strategy: RoutingStrategy
  /** Configured providers that no adapter offers. */
  readonly notOffered: readonly string[]
  /** The highest {@link holdFor} of all candidates. A hold of this amount covers whichever serves. */
  readonly hold: Credits
  /** How hard the request was judged to be. This may have decided the strategy. */
  readonly complexity?: ComplexityDecision
  /** Indexes in the configuration's `conditions` of those that matched. Absent: none. */
  readonly conditions?: readonly number[]
  /** Present where a less known candidate goes first, to learn more about it. */
  readonly exploration?: Exploration
  /** Present where the request has a session with a candidate. That candidate's charge then accounts for its cached input. */
  readonly session?: SessionEffect
  /** The random numbers that planning drew, in order. Absent or empty: none. */
  readonly draws?: readonly number[]
}

/**
 * A less known candidate that goes first, so that the router learns more about it, at your expense. Whatever its attempt uses,
 * the customer pays no more than `insteadOf` would have charged for it, and no hold above {@link holdFor} is needed.
 */
export interface Exploration {
  readonly candidate: Candidate
  /** The candidate that would have been first, and now comes second. */
  readonly insteadOf: Candidate
  /**
   * The most that `insteadOf` would have charged for the usage of `candidate`. Absent: its `chargeCeiling`, because both count usage
   * in the same way.
   */
  readonly ceiling?: Credits
}

/** What a session did to a route. */
export interface SessionEffect {
  readonly candidate: Candidate
  /** Whether the candidate is first only because of what it has cached. */
  readonly isKept: boolean
}

/**
 * The hold that `candidate` needs before it is called: its ceiling. An explored one needs no more than `insteadOf` would charge for
 * its usage.
 */
export function holdFor({ exploration }: Pick<Route, 'exploration'>, candidate: Candidate): Credits {
  if (exploration?.candidate !== candidate) return candidate.chargeCeiling
  const instead = exploration.ceiling ?? exploration.insteadOf.chargeCeiling
  const isReplacing = instead < candidate.chargeCeiling
  return isReplacing ? instead : candidate.chargeCeiling
}

/**
 * Why a request has no route. Where offers were rejected for different reasons, the offer that came closest to serving decides,
 * because removing its obstacle is enough. From closest to furthest:
 *
 * `insufficient_credits`, `over_request_limit`, `price_not_found`, `capability`, `no_provider` (none offered, all excluded or
 * without a key). `service_disabled` comes before all of these, and no offer is considered.
 */
export type RefusalReason =
  | 'service_disabled'
  | 'insufficient_credits'
  | 'over_request_limit'
  | 'price_not_found'
  | 'capability'
  | 'no_provider'

/** A request that nothing can serve. */
export interface RouteRefusal {
  readonly status: 'refused'
  readonly service: Service
  readonly operation: Operation
  readonly reason: RefusalReason
  /** Safe to show to users. */
  readonly message: string
  /** The smallest amount that would have sufficed, where money was the reason: the cheapest ceiling. */
  readonly needed?: Credits
  /** What the account may spend, for `insufficient_credits`. */
  readonly available?: Credits
  /** What a request may cost, for `over_request_limit`. */
  readonly limit?: Credits
  /** What was too long, where a shorter request would have been served. Measured against the offer that accepts the most. */
  readonly tooLong?: TooLong
  readonly rejected: readonly Rejection[]
}
