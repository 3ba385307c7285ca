import { type Credits, formatQuantity, type Quantity } from '@farebox/core'
import type { WorkflowSummary } from '@farebox/ledger'

/** One line of a receipt, in its wire form. */
export interface ServiceUsed {
  service_type: string
  provider: string
  units_consumed: number
  unit_type: string
  credits_used: number
}

/** What a workflow cost, in its wire form: whole credits. */
export interface Receipt {
  workflow_id: string
  workflow_name: string
  services_used: ServiceUsed[]
  total_credits_used: number
  /** The price books and versions that it was rated by, such as `default@1`; absent where nothing was. */
  price_versions?: string[]
  /** Credits that were due and could not be taken; absent when there were none. */
  shortfall?: number
  /** Seconds from opening to closing, or until now. */
  duration: number
}

/** @param now  when the workflow is still open */
export function receiptOf(workflow: WorkflowSummary, now: number): Receipt {
  const versions = new Set(workflow.lines.flatMap(({ priceVersion }) => priceVersion ?? []))
  const shortfall = workflow.lines.reduce((sum, line) => sum + line.shortfall, 0n)
  return {
    workflow_id: workflow.workflowId,
    workflow_name: workflow.name,
    services_used: workflow.lines.map((line) => ({
      service_type: line.service,
      provider: line.provider,
      units_consumed: unitsJson(line.quantity),
      unit_type: line.unit,
      credits_used: chargedJson(line.charged),
    })),
    total_credits_used: chargedJson(workflow.spent),
    ...(versions.size > 0 && { price_versions: [...versions].sort() }),
    ...(shortfall > 0n && { shortfall: chargedJson(shortfall as Credits) }),
    duration: Math.max(0, (workflow.closedAt ?? now) - workflow.createdAt) / 1000,
  }
}

/** A charge in whole credits. Where a team rounds to less than a credit, the fraction is shown as the next whole one. */
export function chargedJson(amount: Credits): number {
  return Number((amount + 999_999n) / 1_000_000n)
}

/** A balance in whole credits: what is left of a credit does not count. */
export function balanceJson(amount: Credits): number {
  const floor = amount / 1_000_000n
  return Number(amount < 0n && floor * 1_000_000n !== amount ? floor - 1n : floor)
}

/** Units are measurements, so a JSON number is enough for them. */
export function unitsJson(quantity: Quantity): number {
  return Number(formatQuantity(quantity))
}
