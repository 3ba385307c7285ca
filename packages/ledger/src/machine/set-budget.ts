import { microCredits } from '@farebox/core'
import type { Operations } from '../operations.ts'
import type { BudgetRow } from '../rows.ts'
import type { LedgerState } from './state.ts'
import type { Decision, Step } from './step.ts'
import { windowStart } from './windows.ts'

/** Sets or changes a limit. What the current window has used stays counted unless the period, or whom it limits, changes. */
export function setBudget({ state, account, now }: Step, input: Operations['setBudget']): Decision<'setBudget'> {
  const { budgetId, limit, mode, period } = input
  const start = windowStart(period, now)
  const known = state.budgets(account.accountId).find((budget) => budget.budgetId === budgetId)
  const scope = { userId: input.userId ?? null, apiKeyId: input.apiKeyId ?? null, service: input.service ?? null }
  if (known) {
    const isSame = known.userId === scope.userId && known.apiKeyId === scope.apiKeyId && known.service === scope.service
    if (known.period !== period || !isSame) beginAgain(state, known, start, now)
    Object.assign(known, { ...scope, period, limit, mode })
    state.touch('budgets', known)
  } else {
    state.insert('budgets', {
      accountId: account.accountId,
      budgetId,
      ...scope,
      period,
      limit,
      mode,
      windowStart: start,
      used: microCredits(0n),
      createdAt: now,
    })
  }
  account.hasBudgets = true
  return { done: { status: 'set', budgetId, replayed: false }, postings: [] }
}

/** What open holds counted for somebody else, or in another window, is not theirs to take back from it. */
function beginAgain(state: LedgerState, budget: BudgetRow, start: number, now: number): void {
  Object.assign(budget, { windowStart: start, used: microCredits(0n), createdAt: now })
  for (const hold of state.openHolds(budget.accountId)) {
    if (!hold.budgets.some(({ budgetId }) => budgetId === budget.budgetId)) continue
    hold.budgets = hold.budgets.filter(({ budgetId }) => budgetId !== budget.budgetId)
    state.touch('holds', hold)
  }
}
