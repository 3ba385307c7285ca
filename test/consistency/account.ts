import type { Request } from './callers.ts'

/** What a run knows of an account beside its books: what its callers were told. */
export interface Account {
  accountId: string
  keys: { secret: string; prefix: string }[]
  grantIds: string[]
  /** By workflow, what the callers of its jobs were told, in micro-credits. */
  told: Map<string, bigint>
  /** Workflows of jobs that broke off, or did not say what they cost: they cost as much as was told, or more. */
  unsure: Set<string>
  /** Workflows that jobs have left open. */
  open: string[]
  requests: Request[]
  /** By usage record, what the operator was told has been given back. */
  refunded: Map<string, bigint>
  adjusted: Set<string>
  /** Whether a payment was reversed, which may leave debt. */
  mayOwe: boolean
}
