import type { Offer, Quantity, Service, UsageQuantity } from '@farebox/core'
import type { OtherMeters } from '@farebox/pricing'
import type { ChatFeatures } from './chat-features.ts'
import type { RequestMetadata } from './conditions.ts'
import type { Operation } from './route.ts'
import type { StatedComplexity } from './service-configuration.ts'

/** What is to be routed. */
export interface RouteRequest {
  service: Service
  operation: Operation
  /** What the request will probably use; its charge is what strategies compare. */
  expected: readonly UsageQuantity[]
  /** The most that it can use, which a hold must cover; its charge is what limits and balances are compared with. */
  ceiling: readonly UsageQuantity[]
  /** By what other meters a provider may count the ceiling. @defaultValue none */
  otherMeters?: OtherMeters
  /** What it may use beside the ceiling, of which a hold covers as much as the offer has a price for. @defaultValue none */
  ceilingIfPriced?: readonly UsageQuantity[]
  /** The same of one offer, where they depend on its model. */
  usageOf?: (offer: Offer) => Pick<RouteRequest, 'expected' | 'ceiling' | 'otherMeters'>
  /** The numbers of a phone call, which its price may depend on. */
  numbers?: PhoneNumbers
  needs?: RouteNeeds
  /** The only provider that may serve it, when the caller insists. */
  provider?: string
  /** @defaultValue the configuration's */
  complexity?: StatedComplexity
  /** What a chat is like, see {@link chatFeatures}. Asked for only where the complexity is `auto`; without it, that is `medium`. */
  features?: () => ChatFeatures
  /** `high` takes the provider of the highest quality. @defaultValue `standard` */
  accuracy?: 'standard' | 'high'
  /** Providers that may not serve it. */
  excludes?: readonly string[]
  /** What the configuration's conditions look at. To be set by the host: whoever sets it chooses among the configurations. */
  metadata?: RequestMetadata
  /** Whose cache has a part of the input already. */
  session?: RouteSession
}

/** What a provider has in its cache of a conversation that it served before. */
export interface RouteSession {
  provider: string
  /** @defaultValue any adapter that sells the provider */
  adapter?: string
  /** Tokens of this request's input that are in the cache. */
  cachedInput: Quantity
  /** When the cache is thought to be gone, epoch milliseconds, UTC. */
  expiresAt: number
}

/** Telephone numbers in E.164. */
export interface PhoneNumbers {
  to?: string
  from?: string
}

/**
 * What a candidate must be able to do. An offer that states no limit of tokens or characters has none, and one that states no languages
 * knows those of its kind; one that states no region or service level has none of them.
 */
export interface RouteNeeds {
  streaming?: boolean
  tools?: boolean
  images?: boolean
  /** Tokens of input and output together. */
  contextTokens?: number
  /** Characters to be spoken. */
  characters?: number
  /** ISO 639-1 code, or one that begins with it: `pt-BR` is met by `pt`. */
  language?: string
  /** Where data may be processed, by the name that offers state. Beside `dataRegion` of the configuration, not instead of it. */
  region?: string
  /** What the operator must promise, beside what the configuration asks for. */
  serviceLevels?: readonly string[]
  /** The least quality; the higher of this and the configuration's. */
  qualityMin?: number
  /** The longest predicted time to the first token of a stream, or to a whole answer; the shorter of this and the configuration's. */
  latencyMsMax?: number
}
