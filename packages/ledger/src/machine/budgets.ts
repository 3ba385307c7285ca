import { type Credits, microCredits, type Service } from '@farebox/core'
import type { AccountRow, BudgetRow, BudgetUse } from '../rows.ts'
import type { LedgerState } from './state.ts'
import { windowEnd, windowStart } from './windows.ts'

/** Whose spending is asked about. */
export interface Spender {
  service: Service
  userId?: string | null
  apiKeyId?: string | null
}

/** The budget with the least left. */
export interface TightestBudget {
  budget: BudgetRow
  left: Credits
  resetsAt?: number
}

/** The budgets that a spender's work counts in, each in its current window. */
export function budgetsOf(state: LedgerState, account: AccountRow, spender: Spender, now: number): BudgetRow[] {
  if (!account.hasBudgets) return []
  const applicable = state.budgets(account.accountId).filter((budget) => appliesTo(budget, spender))
  for (const budget of applicable) {
    const start = windowStart(budget.period, now)
    if (start <= budget.windowStart) continue
    budget.windowStart = start
    budget.used = microCredits(0n)
    state.touch('budgets', budget)
  }
  return applicable
}

/** The blocking budget with the least left, of equals the one that starts again last; `undefined` when none limits. */
export function tightestBudget(budgets: readonly BudgetRow[]): TightestBudget | undefined {
  let tightest: TightestBudget | undefined
  for (const budget of budgets) {
    if (budget.mode !== 'block') continue
    const left = microCredits(budget.limit > budget.used ? budget.limit - budget.used : 0n)
    const next = { budget, left, resetsAt: windowEnd(budget.period, budget.windowStart) }
    if (!tightest || isTighter(next, tightest)) tightest = next
  }
  return tightest
}

function isTighter(a: TightestBudget, b: TightestBudget): boolean {
  if (a.left !== b.left) return a.left < b.left
  const [aEnd, bEnd] = [a.resetsAt ?? Number.POSITIVE_INFINITY, b.resetsAt ?? Number.POSITIVE_INFINITY]
  return aEnd === bEnd ? a.budget.budgetId < b.budget.budgetId : aEnd > bEnd
}

/** Counts `amount` in the current window of each budget. Returns where it was counted. */
export function countInBudgets(state: LedgerState, budgets: readonly BudgetRow[], amount: Credits): BudgetUse[] {
  if (amount === 0n) return []
  for (const budget of budgets) {
    budget.used = microCredits(budget.used + amount)
    state.touch('budgets', budget)
  }
  return budgets.map(({ budgetId, windowStart: start }) => ({ budgetId, windowStart: start, amount }))
}

/**
 * Takes back what a hold was counted at and did not need: the newest counting first, each in the window in which it was made.
 * Windows that are over stay as they were.
 */
export function uncountInBudgets(state: LedgerState, accountId: string, uses: BudgetUse[], amount: Credits): void {
  for (const budget of state.budgets(accountId)) {
    let left: bigint = amount
    for (const use of uses.toReversed()) {
      if (left === 0n) break
      if (use.budgetId !== budget.budgetId) continue
      const take = left < use.amount ? left : use.amount
      use.amount = microCredits(use.amount - take)
      left -= take
      if (use.windowStart !== budget.windowStart) continue
      budget.used = microCredits(budget.used - take)
      state.touch('budgets', budget)
    }
  }
}

/**
 * Takes a refund off the budgets in whose current window the work of `takenAt` counts; windows that are over stay as they were. Work
 * of the very millisecond of a budget may be older than it, so it stays counted if it is.
 */
export function giveBackToBudgets(state: LedgerState, budgets: readonly BudgetRow[], takenAt: number, amount: Credits): void {
  for (const budget of budgets) {
    if (takenAt < budget.windowStart || takenAt <= budget.createdAt) continue
    budget.used = microCredits(budget.used - amount)
    state.touch('budgets', budget)
  }
}

function appliesTo(budget: BudgetRow, spender: Spender): boolean {
  return (
    (budget.userId === null || budget.userId === (spender.userId ?? null)) &&
    (budget.apiKeyId === null || budget.apiKeyId === (spender.apiKeyId ?? null)) &&
    (budget.service === null || budget.service === spender.service)
  )
}
