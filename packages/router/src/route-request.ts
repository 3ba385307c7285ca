import type { Offer, Quantity, Service, UsageQuantity } from '@farebox/core'
import type { OtherMeters } from '@farebox/pricing'
import type { ChatFeatures } from './chat-features.ts'
import type { RequestMetadata } from './conditions.ts'
import type { Operation } from './route.ts'
import type { StatedComplexity } from './service-configuration.ts'

/** A request to be routed. */
export interface RouteRequest {
  service: Service
  operation: Operation
  /** What the request will probably use. Strategies compare its charge. */
  expected: readonly UsageQuantity[]
  /** The most that the request can use. Its charge is checked against limits and balances, and a hold must cover it. */
  ceiling: readonly UsageQuantity[]
  /** Other meters by which a provider may count the ceiling. @defaultValue none */
  otherMeters?: OtherMeters
  /** Usage on top of the ceiling. The hold covers it where the offer has a price for it. @defaultValue none */
  ceilingIfPriced?: readonly UsageQuantity[]
  /** The usage for one offer, where it depends on the model. */
  usageOf?: (offer: Offer) => Pick<RouteRequest, 'expected' | 'ceiling' | 'otherMeters'>
  /** The numbers of a phone call. Its price may depend on them. */
  numbers?: PhoneNumbers
  needs?: RouteNeeds
  /** The only provider that may serve the request, where the caller insists on one. */
  provider?: string
  /** @defaultValue the configuration's */
  complexity?: StatedComplexity
  /** Features of a chat, see {@link chatFeatures}. Called only for complexity `auto`. Without it, `auto` means `medium`. */
  features?: () => ChatFeatures
  /** `high` chooses the provider of the highest quality. @defaultValue `standard` */
  accuracy?: 'standard' | 'high'
  /** Providers that must not serve the request. */
  excludes?: readonly string[]
  /** What the configuration's conditions match. Only the host should set it: it decides which configuration applies. */
  metadata?: RequestMetadata
  /** The provider that already has part of the input in its cache. */
  session?: RouteSession
}

/** What a provider has cached of a conversation that it served before. */
export interface RouteSession {
  provider: string
  /** The adapter that served it. @defaultValue any adapter that sells the provider */
  adapter?: string
  /** The model that served it. Another has a cache of its own. @defaultValue any model of the provider */
  model?: string
  /** Tokens of this request's input that are cached. */
  cachedInput: Quantity
  /** When the cache is expected to expire, epoch milliseconds, UTC. */
  expiresAt: number
}

/** Phone numbers in E.164 format. */
export interface PhoneNumbers {
  to?: string
  from?: string
}

/**
 * What a candidate must be able to do. An offer that states no token or character limit has none. One that states no languages
 * accepts any. One that states no region or service level meets no demand for one.
 */
export interface RouteNeeds {
  streaming?: boolean
  tools?: boolean
  images?: boolean
  /** Input and output tokens together. */
  contextTokens?: number
  /** How many of `contextTokens` are for the answer. An offer whose answers cannot be so long needs that much less. */
  answerTokens?: number
  /** Characters to be spoken. */
  characters?: number
  /** ISO 639-1 code, or a tag that begins with one. An offer of `pt` serves `pt-BR`. */
  language?: string
  /** Region where data must be processed, as offers name it. Applies in addition to the configuration's `dataRegion`. */
  region?: string
  /** What the provider's operator must promise, in addition to what the configuration requires. */
  serviceLevels?: readonly string[]
  /** Minimum quality. The higher of this and the configuration's applies. */
  qualityMin?: number
  /** Maximum predicted time to the first token or to a whole answer. The shorter of this and the configuration's applies. */
  latencyMsMax?: number
}
