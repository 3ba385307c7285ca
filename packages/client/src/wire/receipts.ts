import type { ServiceType, UnitType } from './basics.ts'
import type { ServiceConfiguration } from './configuration.ts'

/** One line of a receipt. */
export interface ServiceUsed {
  service_type: ServiceType
  provider: string
  units_consumed: number
  unit_type: UnitType
  credits_used: number
  /** The credits, as an exact decimal string. Absent where `credits_used` is exact. */
  credits_used_exact?: string
}

/** What a workflow used and cost. */
export interface Receipt {
  workflow_id: string
  workflow_name: string
  services_used: ServiceUsed[]
  total_credits_used: number
  /** The credits, as an exact decimal string. Absent where `total_credits_used` is exact. */
  total_credits_used_exact?: string
  /** The price books, with their versions, that rated it. */
  price_versions?: string[]
  /** The attempts in order: which provider was asked, why, and how it ended. Absent if nothing was routed. */
  attempts?: AttemptUsed[]
  /** Credits that were due but could not be collected. Absent if there were none. */
  shortfall?: number
  /** The credits, as an exact decimal string. Absent where `shortfall` is exact. */
  shortfall_exact?: string
  /** Seconds from opening to closing, or until now if it is still open. */
  duration: number
}

/** One attempt to serve a call. */
export interface AttemptUsed {
  attempt_id: string
  service_type: ServiceType
  provider: string
  model: string
  adapter: string
  /** `succeeded`, `failed`, `cut`, `left` or `lost`. */
  outcome: string
  /** `first`, `retry`, `fallback`, `hedge` or `continuation`. */
  cause: string
  /** Why this provider was asked. */
  reason: string
  /** The kind of failure, if it failed: `timeout`, `rate_limited`, … */
  error?: string
  /** How certain its usage is: `exact`, `derived`, `floor` or `ceiling`. */
  certainty?: string
  credits_used: number
  /** The credits, as an exact decimal string. Absent where `credits_used` is exact. */
  credits_used_exact?: string
  /** What its provider charges, in dollars. Only for the admin token. */
  cost_usd?: string
  /** ISO 8601, UTC. */
  started_at: string
  /** Seconds. */
  duration: number
}

/** A receipt, with who opened the workflow and when, and the decisions that chose its providers. */
export interface WorkflowDetails extends Receipt {
  state: 'open' | 'closed'
  created_at: string
  closed_at: string | null
  user_id: string | null
  /** The prefix of the key that opened it. */
  api_key: string | null
  /** Oldest first. */
  decisions: RouteDecision[]
  /** The latest charges, at most 1,000, oldest first. Only for the admin token. */
  charges?: Charge[]
}

/** What a usage record was charged, and what of that can be given back. Amounts are decimal strings of credits. */
export interface Charge {
  /** The id of the usage record: name it to refund it. */
  usage_id: string
  service_type: ServiceType
  provider: string
  model: string | null
  charged_at: string
  /** What was charged at first. */
  credits_charged: string
  /** What is left of that after refunds and adjustments. */
  credits_refundable: string
}

/** How routing chose the provider of one call. Amounts are decimal strings of credits. */
export interface RouteDecision {
  usage_id: string
  service_type: ServiceType
  operation: string
  /** The provider that answered in the end. */
  answered_by: string
  decided_at: string | null
  /** `planned`, or why no provider could serve the call. */
  outcome: string
  strategy?: string
  hold?: string
  price_version?: string
  /** The fields that differed from the balanced preset. */
  configuration: Partial<ServiceConfiguration>
  conditions_met?: number[]
  /** What the call was expected to use, such as `1200 tokens input`. */
  expected: string[]
  /** What it might use at most. */
  at_most: string[]
  asked_provider?: string
  complexity?: { value: string; by: string; [fact: string]: unknown }
  /** The first choice first. */
  candidates: RouteCandidate[]
  candidates_omitted?: number
  rejected: { provider: string; model: string; adapter: string; reason: string; detail: string; charge?: string }[]
  rejected_omitted?: number
  not_offered?: string[]
  /** Indexes into `candidates`. */
  exploration?: { candidate: number; instead_of: number }
  session?: { candidate: number; is_kept: boolean }
}

/** An offer that could have served a call, as the decision recorded it. Amounts are decimal strings of credits. */
export interface RouteCandidate {
  provider: string
  model: string
  adapter: string
  simulated: boolean
  /** The expected charge. */
  charge: string
  /** The highest possible charge. */
  ceiling: string
  /** What the provider charges, in dollars. Only for the admin token. */
  cost_usd?: string
  latency_ms: number
  quality: number
  score: number
  condition: string
  error_rate?: number
  rate_limited_rate?: number
  why: string
}
