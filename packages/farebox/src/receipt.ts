import {
  type Certainty,
  type Credits,
  formatCredits,
  formatQuantity,
  formatUsd,
  nanoUsd,
  type Quantity,
  type Unit,
} from '@farebox/core'
import type { UsageRow, WorkflowSummary } from '@farebox/ledger'
import { type AttemptDetails, attemptsOf } from './attempt-details.ts'

/** One line of a receipt, in wire form. */
export interface ServiceUsed {
  service_type: string
  provider: string
  units_consumed: number
  unit_type: Unit
  credits_used: number
  /** The credits, as an exact decimal. Absent where `credits_used` is exact. */
  credits_used_exact?: string
}

/** What a workflow cost, in wire form and whole credits. */
export interface Receipt {
  workflow_id: string
  workflow_name: string
  /** What the workflow itself used. Workflows below it have receipts of their own. */
  services_used: ServiceUsed[]
  /** What the workflow cost, including the workflows below it. */
  total_credits_used: number
  /** The credits, as an exact decimal. Absent where `total_credits_used` is exact. */
  total_credits_used_exact?: string
  /** The price books and versions that rated it, such as `default@1`. Absent if nothing was rated. */
  price_versions?: string[]
  /** The attempts in order: which provider was asked, why, how it ended and what it cost. Absent if nothing was routed. */
  attempts?: AttemptUsed[]
  /** Credits that were due but could not be charged. Absent if there are none. */
  shortfall?: number
  /** The shortfall, as an exact decimal. Absent where `shortfall` is exact. */
  shortfall_exact?: string
  /** Seconds from opening until closing, or until now. */
  duration: number
}

/** One attempt of a call, in wire form. */
export interface AttemptUsed {
  attempt_id: string
  service_type: string
  provider: string
  model: string
  adapter: string
  /**
   * `succeeded`, `failed`, `cut` (broke off within its answer), `left` (the caller left) or `lost` (another attempt was faster).
   */
  outcome: string
  /**
   * `first`, `retry` (at the same provider), `fallback` (at another), `hedge` (in parallel with a slow one) or `continuation` (of
   * a stream that was cut).
   */
  cause: string
  /** Why this provider was asked. */
  reason: string
  /** The kind of its failure: `timeout`, `rate_limited`, … */
  error?: string
  /** How certain its usage is: `exact`, `derived`, `floor` or `ceiling`. Absent if it used nothing. */
  certainty?: string
  credits_used: number
  /** The credits, as an exact decimal. Absent where `credits_used` is exact. */
  credits_used_exact?: string
  /** What its provider charges for it, in US dollars, if known. For the host only, not for its customers. */
  cost_usd?: string
  started_at: string
  /** Seconds. */
  duration: number
}

/** The most attempts that a receipt lists: those of the latest calls. */
const ATTEMPTS_MAX = 1_000

/**
 * @param records  the workflow's usage records, whose details hold the attempts
 * @param now      ends the duration of a workflow that is still open
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
      ...chargedFields('credits_used', line.charged),
    })),
    ...chargedFields('total_credits_used', workflow.spent),
    ...(versions.size > 0 && { price_versions: [...versions].sort() }),
    ...(attempts.length > 0 && { attempts: attempts.slice(-ATTEMPTS_MAX) }),
    ...(shortfall > 0n && chargedFields('shortfall', shortfall as Credits)),
    duration: Math.max(0, (workflow.closedAt ?? now) - workflow.createdAt) / 1000,
  }
}

/** Copies a receipt without what providers charge (`cost_usd` of its attempts). Use it for answers to customers. */
export function withoutCosts(receipt: Receipt): Receipt {
  const { attempts, ...rest } = receipt
  return { ...rest, ...(attempts && { attempts: attempts.map(({ cost_usd: _, ...attempt }) => attempt) }) }
}

/** Leaves out the empty lines of failed attempts. */
function isUsed({ quantity, charged, shortfall }: WorkflowSummary['lines'][number]): boolean {
  return quantity > 0n || charged !== 0n || shortfall > 0n
}

/**
 * Lists each attempt once. Its own records, if it has any, have its cost: one, or a record for each part of live work. The record
 * of the call's answer describes the rest.
 */
function attemptsUsed(records: readonly UsageRow[]): AttemptUsed[] {
  const corrections = Map.groupBy(records, ({ corrects }) => corrects)
  const attempts = new Map<string, AttemptUsed>()
  const owned = new Map<string, UsageRow[]>()
  for (const record of records) {
    const { own, all } = attemptsOf(record)
    if (own !== undefined) {
      const before = owned.get(own)
      if (before) before.push(record)
      else owned.set(own, [record])
    }
    for (const attempt of all) {
      const isOwn = attempt.id === own
      if (attempts.has(attempt.id) && !isOwn) continue
      attempts.set(attempt.id, attemptJson(record, attempt))
    }
  }
  return [...attempts.values()].map((attempt) => ({ ...attempt, ...paidFor(owned.get(attempt.attempt_id), corrections) }))
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

/** From the most certain to the least. */
const CERTAINTIES: readonly Certainty[] = ['exact', 'derived', 'floor', 'ceiling']

/** What an attempt cost by its records, including later corrections. Its cost is unknown if that of one record is. */
function paidFor(records: readonly UsageRow[] | undefined, corrections: ReadonlyMap<string | null, readonly UsageRow[]>) {
  if (!records) return undefined
  let charged = 0n
  let cost: bigint | undefined = 0n
  for (const record of records) {
    const all = [record, ...(corrections.get(record.usageId) ?? [])]
    const costs = all.flatMap((one) => (one.cost === null ? [] : [one.cost]))
    charged += all.reduce((sum, one) => sum + one.charged, 0n)
    cost = cost === undefined || costs.length === 0 ? undefined : costs.reduce((sum, one) => sum + one, cost)
  }
  const ranks = records.map(({ certainty }) => CERTAINTIES.indexOf(certainty))
  return {
    certainty: CERTAINTIES[Math.max(...ranks)],
    ...chargedFields('credits_used', charged as Credits),
    ...(cost !== undefined && { cost_usd: formatUsd(nanoUsd(cost)) }),
  }
}

/**
 * Converts a charge to whole credits. If prices round to less than a credit, a fraction is rounded up, so that a refund shows
 * less.
 */
export function chargedJson(amount: Credits): number {
  // BigInt division truncates towards zero, so it rounds negative amounts up.
  return Number((amount > 0n ? amount + 999_999n : amount) / 1_000_000n)
}

/** A charge in whole credits, and the exact decimal beside it where it was rounded: sums and shares are made of that. */
export function chargedFields<Name extends string>(name: Name, amount: Credits): CreditFields<Name> {
  return withExact(name, chargedJson(amount), amount)
}

/** Converts a balance to whole credits, rounded down. */
export function balanceJson(amount: Credits): number {
  const floor = amount / 1_000_000n
  return Number(amount < 0n && floor * 1_000_000n !== amount ? floor - 1n : floor)
}

/** A balance in whole credits, and the exact decimal beside it where it was rounded. */
export function balanceFields<Name extends string>(name: Name, amount: Credits): CreditFields<Name> {
  return withExact(name, balanceJson(amount), amount)
}

export type CreditFields<Name extends string> = { [Field in Name]: number } & { [Field in `${Name}_exact`]?: string }

function withExact<Name extends string>(name: Name, whole: number, amount: Credits): CreditFields<Name> {
  const fields = { [name]: whole, ...(amount % 1_000_000n !== 0n && { [`${name}_exact`]: formatCredits(amount) }) }
  return fields as CreditFields<Name>
}

/** Converts a quantity to a JSON number, which is exact enough for a measurement. */
export function unitsJson(quantity: Quantity): number {
  return Number(formatQuantity(quantity))
}
