import { breakdownName, type Credits, microCredits, type Unit } from '@farebox/core'
import type { BreakdownFilter, Ledger } from '@farebox/ledger'
import { chargedFields, unitsJson } from './receipt.ts'

/** Selects the part of an account's history that a usage report covers. */
export type UsageFilter = BreakdownFilter

/** Where credits went, in wire form: whole credits and seconds. */
export interface UsageReport {
  total_credits: number
  /** The credits, as an exact decimal. Absent where `total_credits` is exact, here and below. */
  total_credits_exact?: string
  workflow_breakdown: Record<string, { count: number; total_credits: number; total_credits_exact?: string; avg_duration: number }>
  service_breakdown: ServiceBreakdownJson[]
}

/** What was used of one service of one provider, and what it cost, in wire form. */
export interface ServiceBreakdownJson {
  /** Service and provider combined: `phone_twilio`. */
  name: string
  service_type: string
  provider: string
  units_consumed: number
  unit_type: Unit
  usage_count: number
  total_credits: number
  /** The credits, as an exact decimal. Absent where `total_credits` is exact. */
  total_credits_exact?: string
}

/** What one API key was used for, in wire form. */
export interface KeyUsageReport {
  /** The key's prefix. The key itself is not stored. */
  api_key: string
  total_credits: number
  /** The credits, as an exact decimal. Absent where `total_credits` is exact, here and below. */
  total_credits_exact?: string
  workflows_used: Record<string, { count: number; total_credits: number; total_credits_exact?: string }>
  /** Sorted by credits, highest first. */
  top_consuming_services: ServiceBreakdownJson[]
}

export async function usageReport(ledger: Ledger, filter: UsageFilter): Promise<UsageReport> {
  const { services, workflows } = await ledger.breakdowns(filter)
  const total = services.reduce((sum, { charged }) => sum + charged, 0n)
  return {
    ...chargedFields('total_credits', microCredits(total)),
    workflow_breakdown: Object.fromEntries(
      workflows.map(({ name, count, charged, averageDurationMs }) => [
        name,
        { count, ...chargedFields('total_credits', charged as Credits), avg_duration: Math.round(averageDurationMs) / 1000 },
      ]),
    ),
    service_breakdown: services.map(({ service, provider, unit, records, quantity, charged }) => ({
      name: breakdownName(service, provider),
      service_type: service,
      provider,
      units_consumed: unitsJson(quantity),
      unit_type: unit,
      usage_count: records,
      ...chargedFields('total_credits', charged),
    })),
  }
}

/** Reports what one API key was used for. `undefined` if the account has no key of that prefix. */
export async function keyUsage(ledger: Ledger, accountId: string, prefix: string): Promise<KeyUsageReport | undefined> {
  const key = await ledger.apiKey(prefix)
  if (!key || key.accountId !== accountId) return undefined
  const { workflow_breakdown, service_breakdown, ...totals } = await usageReport(ledger, {
    accountId,
    apiKeyId: key.apiKeyId,
  })
  return {
    api_key: prefix,
    ...totals,
    workflows_used: Object.fromEntries(
      Object.entries(workflow_breakdown).map(([name, { avg_duration: _, ...used }]) => [name, used]),
    ),
    top_consuming_services: service_breakdown,
  }
}
