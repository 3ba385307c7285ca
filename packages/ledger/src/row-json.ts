import { type Credits, microCredits, microUnits, type Service, type Unit } from '@farebox/core'
import type { Alerts, BudgetUse, Lot, Posting, Rollover, WorkflowLine } from './rows.ts'

/** Amounts inside JSON columns are strings, because JSON numbers lose integers beyond 2^53. */

export function encodeLots(lots: readonly Lot[]): unknown {
  return lots.map(({ grantId, amount, reserves = [] }) => [grantId, amount.toString(), ...reserves])
}

export function decodeLots(json: unknown): Lot[] {
  return (json as [string, string, ...string[]][]).map(([grantId, amount, ...reserves]) => ({
    grantId,
    amount: amountOf(amount),
    ...(reserves.length > 0 && { reserves }),
  }))
}

export function encodeAlerts({ balanceLow, topUp, pendingTopUpId, pendingGrantId }: Alerts): unknown {
  return {
    balance_low: balanceLow?.toString() ?? null,
    top_up: topUp && { at: topUp.at.toString(), amount: topUp.amount.toString() },
    pending_top_up_id: pendingTopUpId,
    pending_grant_id: pendingGrantId,
  }
}

export function decodeAlerts(json: unknown): Alerts {
  const { balance_low, top_up, pending_top_up_id, pending_grant_id } = json as {
    balance_low: string | null
    top_up: { at: string; amount: string } | null
    pending_top_up_id: string | null
    pending_grant_id?: string
  }
  return {
    balanceLow: balance_low === null ? null : amountOf(balance_low),
    topUp: top_up && { at: amountOf(top_up.at), amount: amountOf(top_up.amount) },
    pendingTopUpId: pending_top_up_id,
    ...(pending_grant_id !== undefined && { pendingGrantId: pending_grant_id }),
  }
}

export function encodeRollover({ max, ttlMs, times }: Rollover): unknown {
  return { max: max === null ? null : max.toString(), ttl_ms: ttlMs, times }
}

export function decodeRollover(json: unknown): Rollover {
  const { max, ttl_ms: ttlMs, times } = json as { max: string | null; ttl_ms: number; times: number }
  return { max: max === null ? null : amountOf(max), ttlMs, times }
}

export function encodeBudgetUses(uses: readonly BudgetUse[]): unknown {
  return uses.map(({ budgetId, windowStart, amount }) => [budgetId, windowStart, amount.toString()])
}

export function decodeBudgetUses(json: unknown): BudgetUse[] {
  return (json as [string, number, string][]).map(([budgetId, windowStart, amount]) => ({
    budgetId,
    windowStart,
    amount: amountOf(amount),
  }))
}

export function encodePostings(postings: readonly Posting[]): unknown {
  return postings.map(([bucket, amount]) => [bucket, amount.toString()])
}

export function decodePostings(json: unknown): Posting[] {
  return (json as [string, string][]).map(([bucket, amount]) => [bucket, BigInt(amount)] as const)
}

export function encodeLines(lines: readonly WorkflowLine[]): unknown {
  return lines.map((line) => ({
    service_type: line.service,
    provider: line.provider,
    unit_type: line.unit,
    units: line.quantity.toString(),
    rated: line.rated.toString(),
    charged: line.charged.toString(),
    shortfall: line.shortfall.toString(),
    ...(line.uncounted && { uncounted: [line.uncounted.rated.toString(), line.uncounted.billed.toString()] }),
    ...(line.priceVersion !== null && { price_version: line.priceVersion }),
  }))
}

/** A receipt line as JSON, in which amounts are strings. */
type LineJson = Partial<
  Record<'service_type' | 'provider' | 'unit_type' | 'units' | 'rated' | 'charged' | 'shortfall' | 'price_version', string>
> & { uncounted?: readonly [rated: string, billed: string] }

export function decodeLines(json: unknown): WorkflowLine[] {
  return (json as LineJson[]).map((line) => ({
    service: line.service_type as Service,
    provider: line.provider ?? '',
    unit: line.unit_type as Unit,
    quantity: microUnits(BigInt(line.units ?? 0)),
    rated: amountOf(line.rated),
    charged: amountOf(line.charged),
    shortfall: amountOf(line.shortfall),
    ...(line.uncounted && { uncounted: { rated: amountOf(line.uncounted[0]), billed: amountOf(line.uncounted[1]) } }),
    priceVersion: line.price_version ?? null,
  }))
}

function amountOf(text: string | undefined): Credits {
  return microCredits(BigInt(text ?? 0))
}
