import { formatCredits } from '@farebox/core'
import type { GrantRow } from '../rows.ts'

/** A grant as exports carry it, as it is now. Amounts are decimal strings of credits, times RFC 3339, UTC. */
export interface PurchaseFields {
  account_id: string
  grant_id: string
  created_at: string
  source: string
  credits: string
  credits_remaining: string
  /** What expired, was carried over or taken back. */
  credits_gone: string
  state: string
  effective_at: string
  expires_at: string | null
  /** The services that it may pay for, by comma; null is every service. */
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
