import { appliesTo, usedOf } from './machine/budgets.ts'
import { getOrInsert } from './machine/get-or-insert.ts'
import { ANY_SERVICE } from './machine/reserves.ts'
import type { BudgetRow, HoldRow, UsageRow, WorkflowRow } from './rows.ts'

/** The rows of one account that say what its budgets have used. */
interface Rows {
  budgets: readonly BudgetRow[]
  holds: readonly HoldRow[]
  workflows: readonly WorkflowRow[]
  usage_records: readonly UsageRow[]
}

/** What a budget has used at least, and at most. */
export interface UsedRange {
  budget: BudgetRow
  least: bigint
  most: bigint
}

/**
 * What each budget has used in its window, by holds and usage records. They tell it exactly where nothing was reserved, refunded or
 * charged beyond its hold. A clock that was set back may have put any charge into the window, so all of them count for the most.
 *
 * @param setAt  the journal's sequence of the newest change of each budget. Only what came after it is sure to count
 */
export function budgetRanges(
  { budgets, holds, workflows, usage_records: usage }: Rows,
  setAt: ReadonlyMap<string, number>,
): UsedRange[] {
  if (budgets.length === 0) return []
  const byId = new Map(workflows.map((workflow) => [workflow.workflowId, workflow]))
  const holdOf = new Map(holds.map((hold) => [hold.holdId, hold]))
  const recordOf = new Map(usage.map((record) => [record.usageId, record]))
  const newest = new Map<string, number>()
  for (const { holdId, sequence } of usage) if (holdId !== null) newest.set(holdId, Math.max(newest.get(holdId) ?? 0, sequence))
  const reservers = new Map<string, WorkflowRow[]>()
  const reserversOf = ({ workflowId }: UsageRow): WorkflowRow[] =>
    getOrInsert(reservers, workflowId ?? '', () => reserving(byId, workflowId))
  return budgets.map((budget) => {
    const { budgetId, windowStart, createdAt } = budget
    const since = setAt.get(budgetId) ?? Number.POSITIVE_INFINITY
    let [least, most] = [0n, 0n]
    const settled = new Map<string, bigint>()
    for (const record of usage) {
      const { charged, holdId, corrects, sequence } = record
      const reserves = reserversOf(record)
      const isOwn = appliesTo(budget, record)
      const mayCount = isOwn || reserves.some((workflow) => appliesTo(budget, { ...workflow, service: ANY_SERVICE }))
      if (charged > 0n && holdId !== null && corrects === null) {
        if (mayCount) settled.set(holdId, (settled.get(holdId) ?? 0n) + charged)
      } else if (charged > 0n) {
        const isSure = isOwn && reserves.length === 0 && sequence > since && record.createdAt >= windowStart
        if (isSure) least += charged
        if (mayCount) most += charged
      } else if (isOwn) {
        const corrected = recordOf.get(corrects ?? '') ?? record
        const first = holdOf.get(corrected.holdId ?? '') ?? corrected
        const countedAt = Math.min(first.createdAt, ...reserves.map((workflow) => workflow.createdAt))
        if (countedAt < windowStart || countedAt <= createdAt) continue
        least += charged
        most += charged
      }
    }
    for (const { holdId, state, remaining, budgets: uses } of holds) {
      const inWindow = uses.filter((use) => use.windowStart === windowStart)
      const counted = usedOf(inWindow, budgetId)
      // A hold that had ended when the budget began again may still name it, and one that was given back may be settled late.
      if (state === 'open' || (state === 'settled' && (newest.get(holdId) ?? 0) > since)) least += counted
      const excess = (settled.get(holdId) ?? 0n) + remaining - usedOf(uses, budgetId)
      most += counted + (settled.has(holdId) && excess > 0n ? excess : 0n)
    }
    return { budget, least, most }
  })
}

/** The workflows above a record, its own included, that had credits reserved. */
function reserving(byId: ReadonlyMap<string, WorkflowRow>, workflowId: string | null): WorkflowRow[] {
  const found: WorkflowRow[] = []
  for (let next = byId.get(workflowId ?? ''); next; next = byId.get(next.parentId ?? ''))
    if (next.reserve !== null) found.push(next)
  return found
}
