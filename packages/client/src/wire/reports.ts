import type { ServiceType, TimeRange, UnitType } from './basics.ts'

/** Which usage a report covers. */
export interface UsageQuery extends TimeRange {
  service?: ServiceType
  provider?: string
  workflow_name?: string
  /** A key's prefix. */
  api_key?: string
  user_id?: string
}

/** What to export, and in which format. */
export interface ExportQuery extends TimeRange {
  /** `focus` is the FinOps Open Cost and Usage Specification, if the operator offers it. @defaultValue `csv` */
  format?: 'csv' | 'focus' | 'jsonl' | 'cloudevents'
  /** @defaultValue `usage` */
  kind?: 'usage' | 'purchases'
}

/** How to divide usage over time. Days are UTC days, and weeks begin on Monday. */
export interface UsageSeriesQuery extends UsageQuery {
  /** @defaultValue `day` */
  granularity?: 'hour' | 'day' | 'week' | 'month'
  /** `provider` groups by service and provider together: `phone_twilio`. @defaultValue `none` */
  group_by?: 'none' | 'workflow' | 'service' | 'provider' | 'api_key' | 'user'
  /** The most entries on one page. @defaultValue 1_000 */
  limit?: number
  /** The `next_cursor` of the page before. @defaultValue the first page */
  cursor?: string
}

/** Usage over time, ordered by time and then by name. Empty buckets are left out. */
export interface UsageSeries {
  granularity: 'hour' | 'day' | 'week' | 'month'
  group_by: 'none' | 'workflow' | 'service' | 'provider' | 'api_key' | 'user'
  from: string
  to: string
  series: UsageSeriesEntry[]
  /** The cursor of the next page. `null` on the last page. */
  next_cursor: string | null
}

/** What one group used in one bucket of time. */
export interface UsageSeriesEntry {
  starts_at: string
  /** The name of the group. `null`: usage without such a name, or all usage if `group_by` is `none`. */
  name: string | null
  /** Whole credits, rounded up. */
  total_credits: number
  /** The credits, as an exact decimal string, which sums of entries can be made of. */
  total_credits_exact: string
  usage_count: number
}

/** Where credits went. */
export interface UsageReport {
  total_credits: number
  /** The credits, as an exact decimal string. Absent where `total_credits` is exact, here and below. */
  total_credits_exact?: string
  /** Keyed by workflow name. `avg_duration` is in seconds. */
  workflow_breakdown: Record<string, { count: number; total_credits: number; total_credits_exact?: string; avg_duration: number }>
  service_breakdown: ServiceBreakdown[]
}

/** How much one service of one provider was used, and what that cost. */
export interface ServiceBreakdown {
  /** Service and provider together: `phone_twilio`. */
  name: string
  service_type: ServiceType
  provider: string
  units_consumed: number
  unit_type: UnitType
  usage_count: number
  total_credits: number
  /** The credits, as an exact decimal string. Absent where `total_credits` is exact. */
  total_credits_exact?: string
}

/** What one API key was used for, and what that cost. */
export interface KeyUsageReport {
  /** The prefix of the key. */
  api_key: string
  total_credits: number
  /** The credits, as an exact decimal string. Absent where `total_credits` is exact, here and below. */
  total_credits_exact?: string
  workflows_used: Record<string, { count: number; total_credits: number; total_credits_exact?: string }>
  /** The most expensive first. */
  top_consuming_services: ServiceBreakdown[]
}

/** A change of configuration that would have saved credits. */
export interface Recommendation {
  /** The name of the workflows that it concerns. */
  workflow_name: string
  /** What to change: fields of a service configuration, or `{ preset }`. */
  change: Record<string, unknown>
  /** The service and the providers of the largest part of the work that would move. */
  service_type: ServiceType
  from_provider: string
  to_provider: string
  /** How many of its units would move to `to_provider`. */
  units_consumed: number
  unit_type: UnitType
  /** What the examined calls cost. */
  credits_used: number
  /** How much less they would have cost, rounded down to a whole credit. */
  credits_saved: number
  /** The saving as a share of `credits_used`, from 0 to 1. */
  share_saved: number
  workflows: number
  calls: number
  /** How many calls would move to another provider. */
  calls_changed: number
  /** `low` if some of the work was done outside Farebox, `high` if the history is complete and providers counted all of it. */
  confidence: 'high' | 'medium' | 'low'
  message: string
  assumptions: string[]
}

/** Recommended changes, the largest saving first, and the history that they are based on. */
export interface Recommendations {
  from: string
  to: string
  workflows: number
  calls: number
  /** Whether all workflows of that time were examined; otherwise only the newest. */
  is_complete: boolean
  recommendations: Recommendation[]
}
