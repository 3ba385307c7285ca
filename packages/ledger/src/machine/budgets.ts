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

/** The blocking budget with the least left; `undefined` when none limits. */
export function tightestBudget(budgets: readonly BudgetRow[]): TightestBudget | undefined {
  let tightest: TightestBudget | undefined
  for (const budget of budgets) {
    if (budget.mode !== 'block') continue
    const left = microCredits(budget.limit > budget.used ? budget.limit - budget.used : 0n)
    if (!tightest || left < tightest.left) {
      tightest = { budget, left, resetsAt: windowEnd(budget.period, budget.windowStart) }
    }
  }
  return tightest
}

/** Counts `amount` in the current window of each budget. Returns where it was counted. */
export function countInBudgets(state: LedgerState, budgets: readonly BudgetRow[], amount: Credits): BudgetUse[] {
  for (const budget of budgets) {
    budget.used = microCredits(budget.used + amount)
    state.touch('budgets', budget)
  }
  return budgets.map(({ budgetId, windowStart: start }) => ({ budgetId, windowStart: start }))
}

/** Corrects what a hold was counted at, in the windows in which it was taken; windows that are over stay as they were. */
export function adjustBudgets(state: LedgerState, accountId: string, uses: readonly BudgetUse[], change: bigint): void {
  if (change === 0n || uses.length === 0) return
  for (const budget of state.budgets(accountId)) {
    const use = uses.find(({ budgetId }) => budgetId === budget.budgetId)
    if (!use || use.windowStart !== budget.windowStart) continue
    budget.used = microCredits(budget.used + change)
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
