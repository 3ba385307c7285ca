import type { CreditAmount, ServiceType } from './basics.ts'

/** A limit on spending per period, and what has been spent of it. */
export interface Budget {
  budget_id: string
  user_id: string | null
  /** The prefix of the key that it limits. */
  api_key: string | null
  service_type: ServiceType | null
  period: 'minute' | 'hour' | 'day' | 'week' | 'month' | 'total'
  time_zone: string
  mode: 'block' | 'warn'
  /** Whole credits, rounded down. */
  limit: number
  /** Whole credits, rounded up. */
  used: number
  /** The limit in credits, as an exact decimal string. */
  limit_exact: string
  /** What was used, in credits, as an exact decimal string. */
  used_exact: string
  window: { starts_at: string; ends_at: string | null }
  /** `null`: never. */
  resets_at: string | null
}

/** The budgets of an account. */
export interface Budgets {
  budgets: Budget[]
}

/** A limit per period on what an account, or one user or key of it, may spend in all or on one service. */
export interface BudgetRequest {
  account_id: string
  period: 'minute' | 'hour' | 'day' | 'week' | 'month' | 'total'
  credits: CreditAmount
  service_type?: ServiceType
  user_id?: string
  key_prefix?: string
  /** `warn` only reports. @defaultValue `block` */
  mode?: 'block' | 'warn'
  /** IANA name of the zone in which days, weeks and months begin, such as `Europe/Berlin`. @defaultValue `UTC` */
  time_zone?: string
  /** Shares of the limit, in whole percents, at which its account is alerted. @defaultValue 80 and 100 */
  alerts_at_percent?: number[]
}

/** The budget that was set. */
export interface CreatedBudget {
  budget_id: string
}
