import { type Credits, microCredits, type Service } from '@farebox/core'
import type { AccountRow, BudgetRow, BudgetUse } from '../rows.ts'
import { least } from './least.ts'
import type { LedgerState } from './state.ts'
import { windowOf } from './windows.ts'

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
    if (budget.windowEnd === null || now < budget.windowEnd) continue
    startWindow(budget, now)
    state.touch('budgets', budget)
  }
  return applicable
}

/** Lets a budget begin again at nothing, in the window that contains `now`. */
export function startWindow(budget: BudgetRow, now: number): void {
  const { start, end } = windowOf(budget.period, budget.timeZone, now)
  budget.windowStart = start
  budget.windowEnd = end
  budget.used = microCredits(0n)
  budget.alertedPercent = 0
}

/**
 * The blocking budget with the least left, of equals the one that starts again last; `undefined` when none limits.
 *
 * @param spendable  what can be spent where so much is left in a budget, which reserves that count in it already may raise
 */
export function tightestBudget(
  budgets: readonly BudgetRow[],
  spendable: (left: bigint, budget: BudgetRow) => Credits,
): TightestBudget | undefined {
  let tightest: TightestBudget | undefined
  for (const budget of budgets) {
    if (budget.mode !== 'block') continue
    const left = spendable(budget.limit > budget.used ? budget.limit - budget.used : 0n, budget)
    const next = { budget, left, resetsAt: budget.windowEnd ?? undefined }
    if (!tightest || isTighter(next, tightest)) tightest = next
  }
  return tightest
}

function isTighter(a: TightestBudget, b: TightestBudget): boolean {
  if (a.left !== b.left) return a.left < b.left
  const [aEnd, bEnd] = [a.resetsAt ?? Number.POSITIVE_INFINITY, b.resetsAt ?? Number.POSITIVE_INFINITY]
  return aEnd === bEnd ? a.budget.budgetId < b.budget.budgetId : aEnd > bEnd
}

/**
 * Counts `amount` in the current window of each budget, less what is counted already. Returns where it is counted now.
 *
 * @param counted  where a part of it was counted before, by the reserves that it was drawn from
 */
export function countInBudgets(
  state: LedgerState,
  budgets: readonly BudgetRow[],
  amount: Credits,
  counted: readonly BudgetUse[] = [],
): BudgetUse[] {
  const uses = [...counted]
  for (const budget of budgets) {
    const fresh = microCredits(amount - usedOf(counted, budget.budgetId))
    if (fresh <= 0n) continue
    budget.used = microCredits(budget.used + fresh)
    state.touch('budgets', budget)
    uses.push({ budgetId: budget.budgetId, windowStart: budget.windowStart, amount: fresh })
  }
  return uses
}

/**
 * Adds to what a hold is counted at. What counts in the window of what was counted there last becomes one with it: a call that is paid second
 * by second has as many uses as there are windows, and not as there are seconds.
 */
export function addUses(uses: BudgetUse[], more: readonly BudgetUse[]): void {
  const before = uses.length
  for (const use of more) {
    const at = uses.findLastIndex(({ budgetId }) => budgetId === use.budgetId)
    const newest = at < before ? uses[at] : undefined
    if (newest?.windowStart === use.windowStart) newest.amount = microCredits(newest.amount + use.amount)
    else uses.push(use)
  }
}

/** How much of these uses counts in one budget, whatever the window. */
export function usedOf(uses: readonly BudgetUse[], budgetId: string): bigint {
  return uses.reduce((sum, use) => (use.budgetId === budgetId ? sum + use.amount : sum), 0n)
}

/** Takes up to `amount` in each budget off these uses, the newest first. Returns what was taken: it stays counted where it is. */
export function moveUses(uses: BudgetUse[], amount: Credits): BudgetUse[] {
  const moved: BudgetUse[] = []
  for (const use of uses.toReversed()) {
    const rest = amount - usedOf(moved, use.budgetId)
    const take = least(rest, use.amount)
    if (take === 0n) continue
    use.amount = microCredits(use.amount - take)
    moved.push({ ...use, amount: take })
  }
  return moved.reverse()
}

/**
 * Takes back what a hold was counted at and did not need: the newest counting first, each in the window in which it was made.
 * Windows that are over stay as they were.
 *
 * @param moved  what of it a reserve goes on counting
 */
export function uncountInBudgets(
  state: LedgerState,
  accountId: string,
  uses: BudgetUse[],
  amount: Credits,
  moved: readonly BudgetUse[] = [],
): void {
  for (const budget of state.budgets(accountId)) {
    const mine = uses.filter(({ budgetId }) => budgetId === budget.budgetId)
    for (const use of moveUses(mine, microCredits(amount - usedOf(moved, budget.budgetId)))) {
      if (use.windowStart !== budget.windowStart) continue
      budget.used = microCredits(budget.used - use.amount)
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

/** Whether a spender's work counts in a budget. */
export function appliesTo(budget: BudgetRow, spender: Spender): boolean {
  return (
    (budget.userId === null || budget.userId === (spender.userId ?? null)) &&
    (budget.apiKeyId === null || budget.apiKeyId === (spender.apiKeyId ?? null)) &&
    (budget.service === null || budget.service === spender.service)
  )
}
