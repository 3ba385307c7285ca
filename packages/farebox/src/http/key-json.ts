import { formatCredits } from '@farebox/core'
import type { ApiKeySummary, BudgetRow, KeyService } from '@farebox/ledger'
import { balanceJson, chargedJson } from '../receipt.ts'
import { instantJson } from './instant-json.ts'

/** A key in its wire form. Its secret is not stored anywhere. */
export function keyJson(key: ApiKeySummary) {
  return {
    prefix: key.prefix,
    name: key.name,
    user_id: key.userId,
    services: key.services.map(keyServiceJson),
    created_at: instantJson(key.createdAt),
    expires_at: instantJson(key.expiresAt),
    revoked_at: instantJson(key.revokedAt),
    last_used_at: instantJson(key.lastUsedAt),
    previous_prefix: key.previousPrefix,
    previous_expires_at: instantJson(key.previousUntil),
  }
}

/** What a key may do with a service, in its wire form. */
export function keyServiceJson(row: KeyService) {
  return {
    id: row.id,
    service_type: row.service,
    provider: row.provider,
    enabled: row.enabled,
    cost_limit_per_request: row.costLimitPerRequest === null ? null : balanceJson(row.costLimitPerRequest),
    cost_limit_per_request_exact: row.costLimitPerRequest === null ? null : formatCredits(row.costLimitPerRequest),
  }
}

/**
 * A budget in its wire form.
 *
 * @param budget    in its current window
 * @param prefixes  of keys, by key id
 */
export function budgetJson(budget: BudgetRow, prefixes: ReadonlyMap<string, string>) {
  const { apiKeyId, windowEnd } = budget
  return {
    budget_id: budget.budgetId,
    user_id: budget.userId,
    api_key: apiKeyId === null ? null : (prefixes.get(apiKeyId) ?? apiKeyId),
    service_type: budget.service,
    period: budget.period,
    time_zone: budget.timeZone,
    mode: budget.mode,
    limit: balanceJson(budget.limit),
    used: chargedJson(budget.used),
    limit_exact: formatCredits(budget.limit),
    used_exact: formatCredits(budget.used),
    window: { starts_at: instantJson(budget.windowStart), ends_at: instantJson(windowEnd) },
    resets_at: instantJson(windowEnd),
  }
}
