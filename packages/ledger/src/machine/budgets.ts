import { type Credits, microCredits, type Service } from '@farebox/core'
import type { AccountRow, BudgetRow, BudgetUse, HoldRow } from '../rows.ts'
import { least } from './least.ts'
import type { LedgerState } from './state.ts'
import { windowOf } from './windows.ts'

/** Who spends, and on what: it decides which budgets apply. */
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

/** The budgets in which a spender's work counts, each in its current window. */
export function budgetsOf(state: LedgerState, account: AccountRow, spender: Spender, now: number): BudgetRow[] {
  if (!account.hasBudgets) return []
  const applicable = state.budgetsOf(account.accountId, [spender])
  for (const budget of applicable) {
    if (budget.windowEnd === null || now < budget.windowEnd) continue
    startWindow(budget, now)
    state.touch('budgets', budget)
  }
  return applicable
}

/** Starts a budget again at zero, in the window that contains `now`. */
export function startWindow(budget: BudgetRow, now: number): void {
  const { start, end } = windowOf(budget.period, budget.timeZone, now)
  budget.windowStart = start
  budget.windowEnd = end
  budget.used = microCredits(0n)
  budget.alertedPercent = 0
}

/**
 * The blocking budget with the least left, or `undefined` if there is none. Of equals, the one that starts again last.
 *
 * @param spendable  how much can be spent when `left` is left in a budget: more, if reserves are counted in it already
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
 * Counts `amount` in the current window of each budget, except what is counted already. Returns where it is counted now.
 *
 * @param counted  where the reserves that it was drawn from have counted a part of it
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
 * Adds to the budget uses of a hold. A use in the same window as the budget's newest one is merged with it, so that a call that
 * is paid second by second has one use per window rather than one per second.
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

/** How much of these uses counts in one budget, over all windows. */
export function usedOf(uses: readonly BudgetUse[], budgetId: string): bigint {
  return uses.reduce((sum, use) => (use.budgetId === budgetId ? sum + use.amount : sum), 0n)
}

/** Takes up to `amount` per budget off these uses, newest first. Returns what was taken. The budgets still count it. */
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
 * Takes what a hold did not need off its budgets, newest use first, each in the window in which it was counted. Windows that are
 * over stay as they were.
 *
 * @param spenders  whom the amount was counted for: budgets that apply to none of them have not counted it
 * @param moved     the part that went back to a reserve, and stays counted
 */
export function uncountInBudgets(
  state: LedgerState,
  { accountId, budgets: uses }: Pick<HoldRow, 'accountId' | 'budgets'>,
  amount: Credits,
  spenders: readonly Spender[],
  moved: readonly BudgetUse[] = [],
): void {
  for (const budget of state.budgetsOf(accountId, spenders)) {
    const mine = uses.filter(({ budgetId }) => budgetId === budget.budgetId)
    for (const use of moveUses(mine, microCredits(amount - usedOf(moved, budget.budgetId)))) {
      if (use.windowStart !== budget.windowStart) continue
      budget.used = microCredits(budget.used - use.amount)
      state.touch('budgets', budget)
    }
  }
}

/**
 * Takes a refund off the budgets in whose current window the work of `takenAt` counts. Windows that are over stay as they were.
 * Work in the very millisecond in which a budget was created may be older than the budget, so nothing is taken off for it.
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
