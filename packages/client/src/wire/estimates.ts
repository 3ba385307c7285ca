import type { ChatMessage } from './agents.ts'
import type { ServiceType, UnitType } from './basics.ts'
import type { ServiceConfiguration } from './configuration.ts'

/** Planned work to estimate. An absent field counts as none. */
export interface EstimateRequest {
  ai_tokens?: number
  /** Minutes of speech to transcribe. */
  voice_minutes?: number
  /** Characters to speak. */
  tts_characters?: number
  phone_minutes?: number
  /** A conversation, instead of `ai_tokens`: the server counts its tokens. */
  messages?: ChatMessage[]
  /** The most tokens that the answer to `messages` may have. @defaultValue 1024 */
  max_output_tokens?: number
  /** A text, instead of `tts_characters`: the server counts its characters. */
  tts_text?: string
  /** The fields that differ from the server's own configuration. */
  service_configuration?: Partial<ServiceConfiguration>
}

/** What planned work will cost, in whole credits: the expected, the lowest and the highest cost. */
export interface Estimate {
  services: EstimatedService[]
  total_credits: number
  /** The credits, as an exact decimal string. Absent where `total_credits` is exact. */
  total_credits_exact?: string
  total_credits_low: number
  /** The credits, as an exact decimal string. Absent where `total_credits_low` is exact. */
  total_credits_low_exact?: string
  total_credits_high: number
  /** The credits, as an exact decimal string. Absent where `total_credits_high` is exact. */
  total_credits_high_exact?: string
  price_version: string
}

/** What the planned work of one service would cost. */
export interface EstimatedService {
  service_type: ServiceType
  /** The provider that is asked first. */
  provider: string
  units: number
  unit_type: UnitType
  /** The expected cost: with the provider that is asked first. */
  credits: number
  /** The credits, as an exact decimal string. Absent where `credits` is exact. */
  credits_exact?: string
  /** The lowest cost: with the cheapest provider that the configuration names. */
  credits_low: number
  /** The credits, as an exact decimal string. Absent where `credits_low` is exact. */
  credits_low_exact?: string
  /** The highest cost: with the most expensive provider that the configuration names. */
  credits_high: number
  /** The credits, as an exact decimal string. Absent where `credits_high` is exact. */
  credits_high_exact?: string
}

/** What customers pay at present. */
export interface PriceList {
  price_version: string
  prices: Price[]
}

/** One rate of the price book, as callers see it. */
export interface Price {
  service_type: ServiceType
  provider: string
  model?: string
  meter?: string
  /** Credits per `per` units, as a decimal string. With `rules.tiers`: of the first tier. */
  credits: string
  per: number | string
  unit_type: UnitType
  /** Increments, tiers, fees, windows and other rules, as in the price book; absent if there are none. */
  rules?: Record<string, unknown>
}
