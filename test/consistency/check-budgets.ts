import type { BudgetRow, HoldRow, JournalEntry, UsageRow, WorkflowSummary } from '@farebox/ledger'
import type { Farebox } from 'farebox'
import { least } from '../../packages/ledger/src/machine/least.ts'
import type { Account } from './account.ts'
import { windowName } from './local-days.ts'

interface Books {
  rows: readonly UsageRow[]
  workflows: ReadonlyMap<string, WorkflowSummary>
  entries: readonly JournalEntry[]
}

/** Budgets are in their current windows, and have used what was charged in them. Called while nothing is held. */
export async function checkBudgets(box: Farebox, { accountId }: Account, { rows, workflows, entries }: Books): Promise<string[]> {
  const faults: string[] = []
  const budgets = await box.ledger.currentBudgets(accountId)
  if (budgets.length === 0) return faults
  const holds = await holdsOf(box, accountId, rows)
  const first = new Map(rows.map((row) => [row.usageId, row]))
  const counted = countedOf({ rows, workflows, entries }, holds)
  for (const budget of budgets) {
    const { budgetId, used, period, timeZone, windowStart, windowEnd } = budget
    const nameAt = (at: number) => windowName(period, at, timeZone)
    const now = Math.max(box.now(), rows.at(-1)?.createdAt ?? 0)
    if (period !== 'total' && !(nameAt(windowStart) === nameAt(now) && nameAt(windowStart - 1) !== nameAt(now)))
      faults.push(`budget ${budgetId} has a window from ${windowStart}, now is ${now}`)
    if (period !== 'total' && !(windowEnd !== null && nameAt(windowEnd - 1) === nameAt(now) && nameAt(windowEnd) !== nameAt(now)))
      faults.push(`budget ${budgetId} has a window until ${windowEnd}, now is ${now}`)
    let [least, most] = [0n, 0n]
    for (const row of rows) {
      const of = first.get(row.corrects ?? '') ?? row
      const isOwn = isOf(budget, of)
      if (!isOwn && !isReservedFor(budget, of, workflows)) continue
      for (const { from, until, amount } of counted(row, of)) {
        const isSurely = isOwn && from > budget.createdAt && from >= windowStart
        // Nothing is given back for work of the millisecond in which the budget was made.
        const isPossibly = amount > 0n && until >= budget.createdAt && until >= windowStart
        if (isSurely) least += amount
        if (isSurely || isPossibly) most += amount
      }
    }
    if (used < least || used > most)
      faults.push(
        `budget ${budgetId} (${JSON.stringify(budget, (_, value) => (typeof value === 'bigint' ? `${value}` : value))}) has used ${used}, its records ${least === most ? least : `${least} to ${most}`}`,
      )
  }
  return faults
}

/** An amount that budgets counted at one moment, or at an unknown one between two. */
interface Counted {
  from: number
  until: number
  amount: bigint
}

/**
 * When budgets counted what a record charged: when that was set aside, or else when it was charged. Below a reserve, which others may
 * have emptied, it may have been as early as that was made. What is given back is taken off where the work counts.
 */
function countedOf({ rows, workflows, entries }: Books, holds: ReadonlyMap<string, HoldRow>) {
  const byHold = new Map(
    [...holds].map(([holdId, hold]) => [
      holdId,
      replay(
        hold,
        rows.filter((row) => row.holdId === holdId && row.corrects === null),
        entries,
      ),
    ]),
  )
  const reservedAt = (workflowId: string | null) => {
    let at = Number.POSITIVE_INFINITY
    for (let next = workflows.get(workflowId ?? ''); next; next = workflows.get(next.parentId ?? ''))
      if (next.reserve !== null) at = Math.min(at, next.createdAt)
    return at
  }
  return (row: UsageRow, of: UsageRow): Counted[] => {
    const since = Math.min(holds.get(of.holdId ?? '')?.createdAt ?? of.createdAt, reservedAt(of.workflowId))
    if (row.charged < 0n) return [{ from: since, until: since, amount: row.charged }]
    const parts = (row === of && byHold.get(row.holdId ?? '')?.get(row.usageId)) || [{ at: row.createdAt, amount: row.charged }]
    return parts.map(({ at, amount }) => ({ from: Math.min(at, reservedAt(of.workflowId)), until: at, amount }))
  }
}

type Part = { at: number; amount: bigint }

/** When each record of a hold was set aside, by the journal. What was set aside first is charged first, and given back last. */
function replay(hold: HoldRow, rows: readonly UsageRow[], entries: readonly JournalEntry[]): Map<string, Part[]> {
  const records = new Map(rows.map((row) => [row.sequence, row]))
  const charges = new Map<string, Part[]>()
  let aside: Part[] = []
  for (const { sequence, verb, at, outcome, content } of entries) {
    const { holdId, amount, workflowId } = outcome as Record<string, string | undefined>
    const row = records.get(sequence)
    if (row) {
      const [paid, rest] = split(aside, row.charged)
      const excess = row.charged - sum(paid)
      charges.set(row.usageId, excess > 0n ? [...paid, { at, amount: excess }] : paid)
      aside = rest
    } else if (holdId === hold.holdId && (verb === 'placeHold' || verb === 'extendHold')) {
      const more = BigInt(amount ?? 0) - sum(aside)
      aside = more > 0n ? [...aside, { at, amount: more }] : split(aside, BigInt(amount ?? 0))[0]
    } else if (holdId === hold.holdId) aside = []
    const isClosing = verb === 'closeWorkflow' || content.closesWorkflow !== undefined
    if (isClosing && workflowId === hold.workflowId) aside = []
  }
  return charges
}

function split(parts: readonly Part[], amount: bigint): [first: Part[], rest: Part[]] {
  const [first, rest]: [Part[], Part[]] = [[], []]
  let left = amount
  for (const part of parts) {
    const take = least(left, part.amount)
    if (take > 0n) first.push({ ...part, amount: take })
    if (take < part.amount) rest.push({ ...part, amount: part.amount - take })
    left -= take
  }
  return [first, rest]
}

function sum(parts: readonly Part[]): bigint {
  return parts.reduce((total, { amount }) => total + amount, 0n)
}

function isOf(budget: BudgetRow, row: UsageRow): boolean {
  return (['userId', 'apiKeyId', 'service'] as const).every((key) => budget[key] === null || budget[key] === row[key])
}

/** Whether a record of somebody else may have drawn from a reserve that the budget counts: whoever reserved it has spent it as well. */
function isReservedFor(budget: BudgetRow, row: UsageRow, workflows: Books['workflows']): boolean {
  for (let next = workflows.get(row.workflowId ?? ''); next; next = workflows.get(next.parentId ?? '')) {
    const { reserve, apiKeyId, userId } = next
    const isTheirs = (budget.apiKeyId ?? apiKeyId) === apiKeyId && (budget.userId ?? userId) === userId
    if (reserve !== null && budget.service === null && isTheirs) return true
  }
  return false
}

async function holdsOf(box: Farebox, accountId: string, rows: readonly UsageRow[]): Promise<Map<string, HoldRow>> {
  const ids = new Set(rows.flatMap(({ holdId }) => holdId ?? []))
  const holds = await Promise.all([...ids].map((holdId) => box.ledger.hold(accountId, holdId)))
  return new Map(holds.map((hold) => [hold.holdId, hold]))
}
