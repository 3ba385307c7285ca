import { formatCredits } from '@farebox/core'
import type { GrantRow } from '../rows.ts'

/** A grant's current state, in the form of an export. Amounts are decimal strings of credits, times are RFC 3339 in UTC. */
export interface PurchaseFields {
  account_id: string
  grant_id: string
  created_at: string
  source: string
  credits: string
  credits_remaining: string
  /** Credits that expired, were carried over or taken back. */
  credits_gone: string
  state: string
  effective_at: string
  expires_at: string | null
  /** The services it may pay for, separated by commas. `null` means every service. */
  services: string | null
}

export function purchaseFields(row: GrantRow): PurchaseFields {
  return {
    account_id: row.accountId,
    grant_id: row.grantId,
    created_at: new Date(row.createdAt).toISOString(),
    source: row.source,
    credits: formatCredits(row.amount),
    credits_remaining: formatCredits(row.remaining),
    credits_gone: formatCredits(row.gone),
    state: row.state,
    effective_at: new Date(row.effectiveAt).toISOString(),
    expires_at: row.expiresAt === null ? null : new Date(row.expiresAt).toISOString(),
    services: row.services?.join(', ') ?? null,
  }
}
