import type { BudgetRow, HoldRow, UsageRow, WorkflowSummary } from '@farebox/ledger'
import type { Farebox } from 'farebox'
import type { Account } from './account.ts'
import { windowName } from './local-days.ts'

/** Budgets are in their current windows, and have used what was charged in them. Called while nothing is held. */
export async function checkBudgets(
  box: Farebox,
  { accountId }: Account,
  { rows, workflows }: { rows: readonly UsageRow[]; workflows: ReadonlyMap<string, WorkflowSummary> },
): Promise<string[]> {
  const faults: string[] = []
  const budgets = await box.ledger.currentBudgets(accountId)
  if (budgets.length === 0) return faults
  const holds = await holdsOf(box, accountId, rows)
  const first = new Map(rows.map((row) => [row.usageId, row]))
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
      if (!isOf(budget, of)) continue
      const counts = countsIn(budget, row, of, holds, workflows)
      if (counts === 'all' || (counts === 'some' && row.charged < 0n)) least += row.charged
      if (counts === 'all' || (counts === 'some' && row.charged > 0n)) most += row.charged
    }
    if (used < least || used > most)
      faults.push(
        `budget ${budgetId} (${JSON.stringify(budget, (_, value) => (typeof value === 'bigint' ? `${value}` : value))}) has used ${used}, its records ${least === most ? least : `${least} to ${most}`}`,
      )
  }
  return faults
}

/** A record counts from when its hold was placed, or a reserve above it was made. What spans the start of a window may count in part. */
function countsIn(
  { createdAt, windowStart }: BudgetRow,
  row: UsageRow,
  of: UsageRow,
  holds: ReadonlyMap<string, HoldRow>,
  workflows: ReadonlyMap<string, WorkflowSummary>,
): 'all' | 'some' | 'none' {
  const hold = holds.get(of.holdId ?? '')
  let since = Math.min(of.createdAt, hold?.createdAt ?? of.createdAt)
  for (let next = workflows.get(of.workflowId ?? ''); next; next = workflows.get(next.parentId ?? ''))
    if (next.reserve !== null) since = Math.min(since, next.createdAt)
  if (since > createdAt && since >= windowStart) return 'all'
  // What is charged later for work of before is new, and what is given back for it is not.
  if (row.corrects !== null && row.charged <= 0n) return since === createdAt ? 'some' : 'none'
  return row.createdAt < createdAt || row.createdAt < windowStart ? 'none' : 'some'
}

function isOf(budget: BudgetRow, row: UsageRow): boolean {
  return (['userId', 'apiKeyId', 'service'] as const).every((key) => budget[key] === null || budget[key] === row[key])
}

async function holdsOf(box: Farebox, accountId: string, rows: readonly UsageRow[]): Promise<Map<string, HoldRow>> {
  const ids = new Set(rows.flatMap(({ holdId }) => holdId ?? []))
  const holds = await Promise.all([...ids].map((holdId) => box.ledger.hold(accountId, holdId)))
  return new Map(holds.map((hold) => [hold.holdId, hold]))
}
