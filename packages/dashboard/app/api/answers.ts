import type { AttemptUsed, KeySummary, Receipt } from '@farebox/client'

// What the API answers, beside what `@farebox/client` has: snake_case, whole credits, times in RFC 3339.

/** An account, as an admin lists it. */
export interface AccountAnswer {
  account_id: string
  name: string
  balance: number
  held: number
  available: number
}

/** A workflow, as lists have it. */
export interface WorkflowAnswer {
  workflow_id: string
  workflow_name: string
  state: 'open' | 'closed'
  total_credits_used: number
  held: number
  created_at: string
  closed_at: string | null
  user_id: string | null
  /** The prefix of the key that it was opened with. */
  api_key: string | null
}

export interface WorkflowsAnswer {
  workflows: WorkflowAnswer[]
  next_cursor?: string | null
}

/** One workflow in whole. `cost_usd` of attempts and candidates is told to admins alone. */
export interface WorkflowDetail extends Omit<Receipt, 'attempts'> {
  attempts?: (AttemptUsed & { cost_usd?: string })[]
  decisions?: Decision[]
}

/** How a route was chosen. Amounts are decimal strings of credits. */
export interface Decision {
  usage_id: string
  service_type: string
  operation: string
  answered_by: string
  decided_at: string | null
  outcome: string
  strategy?: string
  hold?: string
  price_version?: string
  complexity?: { value: string; by: string }
  candidates: Candidate[]
  candidates_omitted?: number
  rejected: Rejection[]
  rejected_omitted?: number
  not_offered?: string[]
}

export interface Candidate {
  provider: string
  model: string
  adapter: string
  simulated: boolean
  charge: string
  ceiling: string
  cost_usd?: string
  latency_ms: number
  quality: number
  score: number
  condition: string
  why: string
}

export interface Rejection {
  provider: string
  model: string
  adapter: string
  reason: string
  detail: string
}

export interface BudgetAnswer {
  budget_id: string
  user_id: string | null
  /** The prefix of a key. */
  api_key: string | null
  service_type: string | null
  period: string
  time_zone: string
  mode: 'block' | 'warn'
  limit: number
  used: number
  resets_at: string | null
}

export interface KeyAnswer extends KeySummary {
  budgets?: BudgetAnswer[]
}

/** How the providers are doing. */
export interface StatusAnswer {
  status: 'ok' | 'degraded'
  adapters: AdapterAnswer[]
}

export interface AdapterAnswer {
  adapter: string
  simulated: boolean
  availability: 'ready' | 'disabled'
  reason?: string
  concurrency?: { limit: number; running: number; waiting: number }
  offers: OfferAnswer[]
}

export interface OfferAnswer {
  service_type: string
  provider: string
  model: string
  condition: string
  /** Milliseconds. */
  answer_ms?: number
  first_event_ms?: number
  /** From 0 to 1. */
  error_rate?: number
  rate_limited_rate?: number
  samples?: number
  in_flight?: number
}
