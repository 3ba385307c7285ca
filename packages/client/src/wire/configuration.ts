import type { CreditAmount } from './basics.ts'

/** Which providers to use, and what they may cost. */
export interface ServiceConfiguration {
  /** The chat model to try first. */
  primary_ai_model: string
  /** The chat model to try next. `null`: none in particular. */
  fallback_ai_model: string | null
  voice_enabled: boolean
  /** The provider that speaks. `null`: any available one. */
  tts_provider: string | null
  /** The provider that transcribes. `null`: any available one. */
  stt_provider: string | null
  phone_enabled: boolean
  /** The provider that places phone calls. `null`: any available one. */
  phone_provider: string | null
  vision_enabled: boolean
  /** Whether to send requests of low complexity to the cheapest capable provider. */
  cost_optimization: boolean
  /** The most credits that one request, or one live session as a whole, may cost. `null`: no limit. */
  max_credits_per_request: CreditAmount | null
  /** The model for requests with images. `null`: the chat models. */
  vision_model: string | null
  /** How to order the candidates of a request. */
  strategy: 'configured' | 'lowest_cost' | 'lowest_latency' | 'highest_quality' | 'weighted' | 'balanced'
  /** The complexity of requests that do not state theirs. `auto`: derived from each request. */
  complexity: 'low' | 'medium' | 'high' | 'auto'
  /** Whether accuracy and speed come before cost. */
  accuracy_first: boolean
  /** The providers to try after those named above, by service, in order. */
  fallback_providers: Record<string, string[]>
  /** Whether providers that are not named above may serve as a last resort. */
  last_resort: boolean
  /** Each provider's share of the traffic, for the strategy `weighted`. */
  weights: Record<string, number>
  /** Where data may be processed: `eu`. `null`: anywhere. */
  data_region: string | null
  /** What the operator of every provider must guarantee: `zero_retention`. */
  service_levels: string[]
  /** The lowest acceptable quality of a provider, from 0 to 1. */
  quality_min: number
  /** The longest acceptable predicted time to a stream's first token, or to a whole answer, in milliseconds. `null`: any. */
  latency_ms_max: number | null
  /** The share of requests, from 0 to 1, that the strategy `balanced` sends to a provider that it knows less about. */
  exploration: number
  /** Changes for requests with certain metadata. All that match apply in order, so a later one overrides an earlier one. */
  conditions: ConfigurationCondition[]
}

/** A change of configuration for requests with certain metadata: a cheaper model where `tier` is `free`, for example. */
export interface ConfigurationCondition {
  /** The matching value or values of each metadata key. Every key must match. */
  when: Record<string, string | string[]>
  /** The fields to change. */
  use: Partial<Omit<ServiceConfiguration, 'conditions'>>
}
