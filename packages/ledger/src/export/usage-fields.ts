import { formatCredits, formatQuantity, formatUsd } from '@farebox/core'
import type { UsageRow } from '../rows.ts'

/**
 * A usage record in the form of an export. Quantities and amounts are decimal strings, and differences in a correction. Times are
 * RFC 3339 in UTC. It never contains the callers' content.
 */
export interface UsageFields {
  account_id: string
  usage_id: string
  created_at: string
  workflow_id: string | null
  hold_id: string | null
  service: string
  provider: string
  model: string | null
  quantity: string
  unit: string
  /** The price before rounding, in credits. */
  credits_rated: string
  credits_charged: string
  /** Credits that were due but could not be charged. */
  credits_shortfall: string
  certainty: string
  price_version: string | null
  api_key_id: string | null
  user_id: string | null
  /** Id of the corrected record. */
  corrects: string | null
  /** What the provider charges the host, in US dollars. Only with `includeCosts`. */
  cost_usd?: string | null
}

/** @param includeCosts  whether to include the host's own cost, which customers should not see. @defaultValue false */
export function usageFields(row: UsageRow, { includeCosts = false }: { includeCosts?: boolean } = {}): UsageFields {
  return {
    account_id: row.accountId,
    usage_id: row.usageId,
    created_at: new Date(row.createdAt).toISOString(),
    workflow_id: row.workflowId,
    hold_id: row.holdId,
    service: row.service,
    provider: row.provider,
    model: row.model,
    quantity: formatQuantity(row.quantity),
    unit: row.unit,
    credits_rated: formatCredits(row.rated),
    credits_charged: formatCredits(row.charged),
    credits_shortfall: formatCredits(row.shortfall),
    certainty: row.certainty,
    price_version: row.priceVersion,
    api_key_id: row.apiKeyId,
    user_id: row.userId,
    corrects: row.corrects,
    ...(includeCosts && { cost_usd: row.cost === null ? null : formatUsd(row.cost) }),
  }
}
