import { type Credits, formatQuantity, formatUsd, nanoUsd, type Quantity, type Unit } from '@farebox/core'
import type { UsageRow, WorkflowSummary } from '@farebox/ledger'
import { type AttemptDetails, attemptsOf } from './attempt-details.ts'

/** One line of a receipt, in its wire form. */
export interface ServiceUsed {
  service_type: string
  provider: string
  units_consumed: number
  unit_type: Unit
  credits_used: number
}

/** What a workflow cost, in its wire form: whole credits. */
export interface Receipt {
  workflow_id: string
  workflow_name: string
  /** What was used in it, without what workflows below it used: they have receipts of their own. */
  services_used: ServiceUsed[]
  /** What it cost, with the workflows below it. */
  total_credits_used: number
  /** The price books and versions that it was rated by, such as `default@1`; absent where nothing was. */
  price_versions?: string[]
  /** What was tried for it, in order: who was asked, why, how it ended and what it cost. Absent where nothing was routed. */
  attempts?: AttemptUsed[]
  /** Credits that were due and could not be taken; absent when there were none. */
  shortfall?: number
  /** Seconds from opening to closing, or until now. */
  duration: number
}

/** One attempt of a call, in its wire form. */
export interface AttemptUsed {
  attempt_id: string
  service_type: string
  provider: string
  model: string
  adapter: string
  /** `succeeded`, `failed`, `cut` (ended early, after a part of the answer), `left` (its caller did) or `lost` (another was faster). */
  outcome: string
  /** `first`, `retry` (the same again), `fallback` (another one), `hedge` (beside a slow one) or `continuation` (of a stream that was cut). */
  cause: string
  /** Why that one was asked. */
  reason: string
  /** The kind of its failure: `timeout`, `rate_limited`, … */
  error?: string
  /** How sure its usage is: `exact`, `derived`, `floor` or `ceiling`. Absent where it used nothing. */
  certainty?: string
  credits_used: number
  /** What its provider charges for it, in dollars, where that is known. Told to the host, not to its customers. */
  cost_usd?: string
  started_at: string
  /** Seconds. */
  duration: number
}

/** Attempts that a receipt lists at most: those of the latest calls. */
const ATTEMPTS_MAX = 1_000

/**
 * @param records  of the workflow, with the attempts in their details
 * @param now      when the workflow is still open
 */
export function receiptOf(workflow: WorkflowSummary, records: readonly UsageRow[], now: number): Receipt {
  const attempts = attemptsUsed(records)
  const versions = new Set(workflow.lines.flatMap(({ priceVersion }) => priceVersion ?? []))
  const shortfall = workflow.lines.reduce((sum, line) => sum + line.shortfall, 0n)
  return {
    workflow_id: workflow.workflowId,
    workflow_name: workflow.name,
    services_used: workflow.lines.filter(isUsed).map((line) => ({
      service_type: line.service,
      provider: line.provider,
      units_consumed: unitsJson(line.quantity),
      unit_type: line.unit,
      credits_used: chargedJson(line.charged),
    })),
    total_credits_used: chargedJson(workflow.spent),
    ...(versions.size > 0 && { price_versions: [...versions].sort() }),
    ...(attempts.length > 0 && { attempts: attempts.slice(-ATTEMPTS_MAX) }),
    ...(shortfall > 0n && { shortfall: chargedJson(shortfall as Credits) }),
    duration: Math.max(0, (workflow.closedAt ?? now) - workflow.createdAt) / 1000,
  }
}

/** A copy of a receipt without what providers charge (`cost_usd` of its attempts), which is not for customers to know: for answers to them. */
export function withoutCosts(receipt: Receipt): Receipt {
  const { attempts, ...rest } = receipt
  return { ...rest, ...(attempts && { attempts: attempts.map(({ cost_usd: _, ...attempt }) => attempt) }) }
}

/** Failed attempts leave lines of nothing behind. */
function isUsed({ quantity, charged, shortfall }: WorkflowSummary['lines'][number]): boolean {
  return quantity > 0n || charged !== 0n || shortfall > 0n
}

/** Each attempt once: a record of its own tells what it cost, and the record of its call's answer tells the rest of the story. */
function attemptsUsed(records: readonly UsageRow[]): AttemptUsed[] {
  const corrections = correctionsOf(records)
  const attempts = new Map<string, AttemptUsed>()
  for (const record of records) {
    const { own, all } = attemptsOf(record)
    for (const attempt of all) {
      const isOwn = attempt.id === own
      if (attempts.has(attempt.id) && !isOwn) continue
      attempts.set(attempt.id, {
        ...attemptJson(record, attempt),
        ...(isOwn && paidFor(record, corrections.get(record.usageId))),
      })
    }
  }
  return [...attempts.values()]
}

function attemptJson({ service }: UsageRow, attempt: AttemptDetails): AttemptUsed {
  return {
    attempt_id: attempt.id,
    service_type: service,
    provider: attempt.provider,
    model: attempt.model,
    adapter: attempt.adapter,
    outcome: attempt.outcome,
    cause: attempt.cause,
    reason: attempt.why,
    ...(attempt.error !== undefined && { error: attempt.error }),
    credits_used: 0,
    started_at: new Date(attempt.startedAt).toISOString(),
    duration: Math.max(0, attempt.endedAt - attempt.startedAt) / 1000,
  }
}

/** What an attempt cost, later corrections included. */
function paidFor(record: UsageRow, corrections: readonly UsageRow[] = []) {
  const charged = corrections.reduce((sum, correction) => sum + correction.charged, record.charged as bigint)
  const costs = [record, ...corrections].flatMap(({ cost }) => (cost === null ? [] : [cost]))
  return {
    certainty: record.certainty,
    credits_used: chargedJson(charged as Credits),
    ...(costs.length > 0 && { cost_usd: formatUsd(nanoUsd(costs.reduce((sum, cost) => sum + cost, 0n))) }),
  }
}

function correctionsOf(records: readonly UsageRow[]): Map<string, UsageRow[]> {
  const byUsage = new Map<string, UsageRow[]>()
  for (const record of records) {
    if (record.corrects === null) continue
    byUsage.set(record.corrects, [...(byUsage.get(record.corrects) ?? []), record])
  }
  return byUsage
}

/** A charge in whole credits. Where a team rounds to less than a credit, the fraction is shown as the next whole one: of a refund less is given back. */
export function chargedJson(amount: Credits): number {
  // Division cuts off towards zero, which is up where more was given back than charged.
  return Number((amount > 0n ? amount + 999_999n : amount) / 1_000_000n)
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
