import { microCredits } from '@farebox/core'
import type { Operations } from '../operations.ts'
import type { BudgetRow } from '../rows.ts'
import { startWindow } from './budgets.ts'
import type { LedgerState } from './state.ts'
import type { Decision, Step } from './step.ts'
import { isSameZone } from './windows.ts'

/** Sets or changes a budget. What was used in the current window stays counted, unless the budget's scope or window changes. */
export function setBudget({ state, account, now }: Step, input: Operations['setBudget']): Decision<'setBudget'> {
  const { budgetId, limit, mode, period, timeZone, alertsAtPercent } = input
  const known = state.budget(account.accountId, budgetId)
  const scope = {
    userId: input.userId ?? null,
    apiKeyId: input.apiKeyId ?? null,
    service: input.service ?? null,
    period,
  }
  if (known) {
    const isSame =
      Object.entries(scope).every(([name, value]) => known[name as keyof typeof scope] === value) &&
      isSameZone(known.timeZone, timeZone)
    if (known.limit !== limit) known.alertedPercent = 0
    Object.assign(known, { ...scope, timeZone, limit, mode, alertsAtPercent })
    if (!isSame) beginAgain(state, known, now)
    state.touch('budgets', known)
  } else {
    const used = microCredits(0n)
    const budget: BudgetRow = {
      accountId: account.accountId,
      budgetId,
      ...scope,
      timeZone,
      limit,
      mode,
      windowStart: now,
      windowEnd: null,
      alertsAtPercent,
      alertedPercent: 0,
      used,
      createdAt: now,
    }
    startWindow(budget, now)
    state.insert('budgets', budget)
  }
  account.hasBudgets = true
  return { done: { status: 'set', budgetId, replayed: false }, postings: [] }
}

/**
 * Starts a budget again, and drops it from open holds: what they counted in the old scope or window must not be taken off now.
 */
function beginAgain(state: LedgerState, budget: BudgetRow, now: number): void {
  startWindow(budget, now)
  budget.createdAt = now
  for (const hold of state.openHolds(budget.accountId)) {
    if (!hold.budgets.some(({ budgetId }) => budgetId === budget.budgetId)) continue
    hold.budgets = hold.budgets.filter(({ budgetId }) => budgetId !== budget.budgetId)
    state.touch('holds', hold)
  }
}
