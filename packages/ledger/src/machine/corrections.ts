import { type Credits, microCredits, microUnits, type NanoUsd, nanoUsd } from '@farebox/core'
import type { Operations } from '../operations.ts'
import type { CorrectedOutcome } from '../outcomes.ts'
import type { Lot, OveragePolicy, Posting, UsageRow, WorkflowLine, WorkflowRow } from '../rows.ts'
import { limitsOf, refusalOf } from './affordable.ts'
import { balanceBeyond } from './balance-beyond.ts'
import { giveBackToBudgets } from './budgets.ts'
import { addToLine, lineOf, recordUsage, spentPostings, takableOf } from './charges.ts'
import { moveEnvelopes } from './envelopes.ts'
import { least } from './least.ts'
import { returnLots } from './return-lots.ts'
import { takeFree } from './set-aside.ts'
import type { LedgerState } from './state.ts'
import { type Decision, refuse, type Step } from './step.ts'

/** A usage record, with the sums of it and its corrections so far. */
interface Corrected {
  record: UsageRow
  /** Its corrections so far, oldest first. */
  corrections: UsageRow[]
  workflow: WorkflowRow | undefined
  rated: Credits
  charged: Credits
  shortfall: Credits
  cost: NanoUsd | null
  /** The lots that were drawn and not given back, in the order in which they were drawn. */
  lots: Lot[]
}

/** Gives back a charge or a part of it to the lots that paid for it, in reverse order. */
export function refund(step: Step, input: Operations['refund']): Decision<'refund'> {
  const known = correctedRecord(step, input.usageId, input.correctionId)
  if ('refused' in known) return known
  const requested = input.amount ?? known.charged
  if (requested > known.charged || known.charged <= 0n) {
    const refundable = microCredits(known.charged > 0n ? known.charged : 0n)
    return refuse({ status: 'refused', reason: 'refund_exceeds_charge', usageId: input.usageId, refundable, requested })
  }
  const tooMuch = balanceBeyond(step, requested, 'amount')
  if (tooMuch) return refuse(tooMuch)
  // The shortfall is no part of a refund, so it stays rated.
  const taken = known.rated - known.shortfall
  const rated = requested === known.charged ? taken : least(requested, taken)
  return correct(step, known, input, { rated: microCredits(-rated), due: microCredits(-requested), keepsShortfall: true })
}

/** Corrects what a usage record cost the customer, or us, or both. */
export function adjust(step: Step, input: Operations['adjust']): Decision<'adjust'> {
  const known = correctedRecord(step, input.usageId, input.correctionId)
  if ('refused' in known) return known
  const due = microCredits((input.charge ?? known.charged + known.shortfall) - known.charged - known.shortfall)
  if (due > 0n && input.overage === 'reject') {
    const refusal = refusalOf(step, limitsOf(step, known.record, known.workflow), due)
    if (refusal) return refuse(refusal)
  }
  const tooMuch = balanceBeyond(step, -due - waivable(known, due), 'charge')
  if (tooMuch) return refuse(tooMuch)
  const rated = microCredits(input.charge === undefined ? 0n : input.charge - known.rated)
  return correct(step, known, input, { rated, due, cost: input.cost, overage: input.overage })
}

interface Correction {
  /** How the exact price changes. */
  rated: Credits
  /** How what is due changes. */
  due: Credits
  cost?: NanoUsd
  overage?: OveragePolicy
  /** A refund gives back only what was charged. An adjustment first waives the shortfall. */
  keepsShortfall?: boolean
}

function correct(
  step: Step,
  known: Corrected,
  { correctionId, usageId, reason }: { correctionId: string; usageId: string; reason?: string },
  { rated, due, cost, overage = 'cap', keepsShortfall = false }: Correction,
): { done: CorrectedOutcome; postings: readonly Posting[] } {
  const { state, account } = step
  const { record, workflow } = known
  const limits = limitsOf(step, record, workflow)
  let charged = due
  let shortfall = microCredits(0n)
  let lots: Lot[] = []
  let postings: readonly Posting[]
  if (due > 0n) {
    const takable = takableOf(overage, step, limits)
    charged = least(due, takable)
    shortfall = microCredits(due - charged)
    const taken = takeFree(step, limits, charged)
    lots = taken.lots
    postings = spentPostings(record.service, taken.fromReserve, taken.fromFree, shortfall)
  } else {
    const waived = keepsShortfall ? 0n : waivable(known, due)
    shortfall = microCredits(-waived)
    charged = microCredits(due + waived)
    const given = returnLots(step, known.lots, microCredits(-charged), correctionId)
    lots = given.lots
    giveBackToBudgets(state, limits.budgets, countedSince(state, record, limits.envelopes), microCredits(-charged))
    postings = [...spentPostings(record.service, microCredits(0n), charged, shortfall), ...given.postings]
  }

  moveEnvelopes(state, limits.envelopes, { spent: charged })
  const usage = {
    quantity: microUnits(0n),
    unit: record.unit,
    rated,
    roundingStep: microCredits(1n),
    model: record.model ?? undefined,
    cost: cost === undefined ? undefined : nanoUsd(cost - (known.cost ?? 0n)),
    certainty: 'exact' as const,
    details: reason === undefined ? undefined : JSON.stringify({ reason }),
  }
  if (workflow) {
    const line = lineOf(workflow, record.service, record.provider, usage)
    addToLine(line, usage, charged, shortfall)
    const before = uncountedOf(record, known.corrections)
    const now = uncountedOf(record, [...known.corrections, { rated, charged, shortfall }])
    addUncounted(line, { rated: now.rated - before.rated, billed: now.billed - before.billed })
  }
  countInHold(state, known, { rated, charged, shortfall })
  recordUsage(step, correctionId, usage, {
    workflow,
    service: record.service,
    provider: record.provider,
    apiKeyId: record.apiKeyId,
    userId: record.userId,
    charged,
    shortfall,
    lots,
    corrects: usageId,
  })
  return {
    done: {
      status: 'corrected',
      correctionId,
      usageId,
      refunded: microCredits(-charged),
      shortfall,
      balance: account.posted,
      replayed: false,
    },
    postings,
  }
}

/** How much of the shortfall a lower price waives, before anything is given back. */
function waivable({ shortfall }: Corrected, due: Credits): Credits {
  return due < 0n ? least(shortfall, -due) : microCredits(0n)
}

/**
 * The part of a corrected record that does not count in the price of further usage on its line. As long as some of the record is
 * charged, that usage costs the same as without any correction: what was given back is not billed again, and what was charged
 * later pays for nothing else. Once the record is taken back whole, that usage costs the same as if the record had never existed.
 */
export function uncountedOf(record: Amounts, corrections: readonly Amounts[]): { rated: bigint; billed: bigint } {
  const { rated, charged, shortfall } = sumOf([record, ...corrections])
  const isCounted = !isTakenBack(record, corrections)
  const counted = isCounted ? { rated: record.rated, billed: record.charged + record.shortfall } : { rated: 0n, billed: 0n }
  return { rated: rated - counted.rated, billed: charged + shortfall - counted.billed }
}

/**
 * Whether a corrected usage record was taken back whole: either it was charged once and no longer is, or nothing at all is left
 * of it. Further usage on its line is then rounded up as if the record had never existed.
 */
export function isTakenBack(
  record: Record<'rated' | 'charged' | 'shortfall', bigint>,
  corrections: readonly Record<'rated' | 'charged' | 'shortfall', bigint>[],
): boolean {
  const parts = [record, ...corrections]
  const { rated, charged, shortfall } = sumOf(parts)
  return charged === 0n && (parts.some((part) => part.charged > 0n) || (rated === 0n && shortfall === 0n))
}

/**
 * A hold sums up its settlements without corrections. A record that is taken back whole leaves the sum until it is charged again.
 */
function countInHold(state: LedgerState, { record, corrections }: Corrected, correction: Amounts): void {
  const hold = record.holdId === null ? undefined : state.hold(record.accountId, record.holdId)
  const was = isTakenBack(record, corrections)
  const is = isTakenBack(record, [...corrections, correction])
  if (!hold || was === is) return
  const times = is ? -1n : 1n
  hold.rated = microCredits(hold.rated + times * record.rated)
  hold.charged = microCredits(hold.charged + times * record.charged)
  hold.shortfall = microCredits(hold.shortfall + times * record.shortfall)
  state.touch('holds', hold)
}

/** The amounts that a record and its corrections add up. */
type Amounts = Record<'rated' | 'charged' | 'shortfall', bigint>

function sumOf(parts: readonly Amounts[]): Amounts {
  const sum = { rated: 0n, charged: 0n, shortfall: 0n }
  for (const { rated, charged, shortfall } of parts) {
    sum.rated += rated
    sum.charged += charged
    sum.shortfall += shortfall
  }
  return sum
}

function addUncounted(line: WorkflowLine, more: { rated: bigint; billed: bigint }): void {
  const rated = microCredits((line.uncounted?.rated ?? 0n) + more.rated)
  const billed = microCredits((line.uncounted?.billed ?? 0n) + more.billed)
  if (rated !== 0n || billed !== 0n) line.uncounted = { rated, billed }
  else delete line.uncounted
}

function correctedRecord({ state, account }: Step, usageId: string, correctionId: string) {
  const record = state.usage(account.accountId, usageId)
  if (!record) return refuse({ status: 'failed' as const, code: 'USAGE_NOT_FOUND' as const, id: usageId })
  if (record.corrects !== null) {
    const problem = `names a correction of ${record.corrects}: correct that one`
    return refuse({ status: 'failed' as const, code: 'INVALID_INPUT' as const, field: 'usageId', problem })
  }
  if (state.usage(account.accountId, correctionId)) {
    return refuse({ status: 'failed' as const, code: 'ALREADY_EXISTS' as const, what: 'usage record', id: correctionId })
  }
  const workflow = record.workflowId === null ? undefined : state.workflow(account.accountId, record.workflowId)
  const corrections = state.corrections(account.accountId, usageId).sort((a, b) => a.sequence - b.sequence)
  const lots = record.lots.map((lot) => ({ ...lot }))
  const corrected: Corrected = { ...record, record, corrections, workflow, lots }
  for (const correction of corrections) {
    corrected.rated = microCredits(corrected.rated + correction.rated)
    corrected.charged = microCredits(corrected.charged + correction.charged)
    corrected.shortfall = microCredits(corrected.shortfall + correction.shortfall)
    if (correction.cost !== null) corrected.cost = nanoUsd((corrected.cost ?? 0n) + correction.cost)
    for (const lot of correction.lots) applyLot(corrected.lots, lot)
  }
  return corrected
}

/** When budgets first counted a record: when its hold was placed, or when a reserve was made, which may be a window ago. */
function countedSince(state: LedgerState, record: UsageRow, envelopes: readonly WorkflowRow[]): number {
  const hold = record.holdId === null ? undefined : state.hold(record.accountId, record.holdId)
  const reserves = envelopes.filter(({ reserve }) => reserve !== null)
  return Math.min((hold ?? record).createdAt, ...reserves.map(({ createdAt }) => createdAt))
}

/**
 * Adds a lot that a correction drew, or takes off one that it gave back, from the end, since that is the order of giving back.
 */
function applyLot(lots: Lot[], { grantId, amount }: Lot): void {
  if (amount > 0n) {
    lots.push({ grantId, amount })
    return
  }
  let left = -amount
  for (const lot of lots.toReversed()) {
    if (lot.grantId !== grantId) continue
    const take = least(left, lot.amount)
    lot.amount = microCredits(lot.amount - take)
    left -= take
  }
}
