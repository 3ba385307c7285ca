import type { CreditAmount, ServiceType, TimeRange, UnitType } from './basics.ts'

/** A workflow to open for work that is done outside Farebox. */
export interface OpenWorkflowRequest {
  /** The name that breakdowns group it under. */
  workflow_name: string
  business_adapter?: string
  user_id?: string
  /** The most credits that it may cost. @defaultValue no ceiling */
  max_credits?: CreditAmount
  /** Credits to hold for its work from now on, so that the account cannot spend them elsewhere. @defaultValue nothing */
  reserve_credits?: CreditAmount
}

/** The workflow that was opened. */
export interface OpenedWorkflow {
  workflow_id: string
}

/** What work that was done outside Farebox consumed. */
export interface UsageRequest {
  service_type: ServiceType
  provider: string
  /** A number, or a decimal string with at most six decimals. */
  units_consumed: number | string
  unit_type: UnitType
  /** For phone calls: the number called, in E.164, if the price depends on it. */
  to?: string
  /** For phone calls: the number called from. */
  from?: string
  /**
   * Identifies a call that is recorded in slices, so that all of them together cost what the whole call would. Await the answer to
   * one slice before you record the next.
   */
  call?: string
}

/** What recorded usage cost, and the remaining balance, in whole credits. */
export interface UsageCharged {
  credits_used: number
  /** The credits, as an exact decimal string. Absent where `credits_used` is exact. */
  credits_used_exact?: string
  credit_balance: number
}

/** Which workflows to list. */
export interface WorkflowsQuery extends TimeRange {
  workflow_name?: string
  state?: 'open' | 'closed'
  /** A key's prefix. */
  api_key?: string
  user_id?: string
  /** @defaultValue 100 */
  limit?: number
  cursor?: string
}

/** A page of workflows, newest first. */
export interface WorkflowPage {
  workflows: WorkflowListing[]
  /** The cursor of the next page. `null` on the last page. */
  next_cursor: string | null
}

/** A workflow in a list. */
export interface WorkflowListing {
  workflow_id: string
  workflow_name: string
  state: 'open' | 'closed'
  total_credits_used: number
  /** The credits, as an exact decimal string. Absent where `total_credits_used` is exact. */
  total_credits_used_exact?: string
  held: number
  /** The credits, as an exact decimal string. Absent where `held` is exact. */
  held_exact?: string
  created_at: string
  closed_at: string | null
  user_id: string | null
  /** The prefix of the key that opened it. */
  api_key: string | null
  /** The workflow that it was opened below, whose credits include its own. Absent if there is none. */
  parent_workflow_id?: string
}
