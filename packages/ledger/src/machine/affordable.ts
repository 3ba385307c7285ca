import { type Credits, microCredits } from '@farebox/core'
import type { Refusal } from '../operations.ts'
import type { BudgetRow, WorkflowRow } from '../rows.ts'
import { type Spender, tightestBudget } from './budgets.ts'
import { ceilingLeft } from './envelopes.ts'
import { freeBalance } from './lots.ts'
import type { Step } from './step.ts'

/** Everything that limits a spender, looked up once. */
export interface Limits {
  spender: Spender
  budgets: readonly BudgetRow[]
  envelopes: readonly WorkflowRow[]
}

/** What may still be spent: the least of balance (and debt `beyond` the credit line), workflow ceilings and budgets. */
export function affordable(step: Step, limits: Limits, beyond = 0n): Credits {
  if (step.account.isFrozen) return microCredits(0n)
  let least: bigint = freeBalance(step.state, step.account, limits.spender.service, beyond)
  const ceiling = ceilingLeft(limits.envelopes)
  if (ceiling && ceiling.left < least) least = ceiling.left
  const budget = tightestBudget(limits.budgets)
  if (budget && budget.left < least) least = budget.left
  return microCredits(least > 0n ? least : 0n)
}

/** Why `requested` cannot be spent, naming the tightest limit; `undefined` when it can. */
export function refusalOf(step: Step, limits: Limits, requested: Credits): Refusal | undefined {
  if (step.account.isFrozen) return { status: 'refused', reason: 'account_frozen' }
  const budget = tightestBudget(limits.budgets)
  if (budget && budget.left < requested) {
    const { budgetId, limit } = budget.budget
    return {
      status: 'refused',
      reason: 'budget_exceeded',
      budgetId,
      limit,
      available: budget.left,
      requested,
      ...(budget.resetsAt !== undefined && { resetsAt: budget.resetsAt }),
    }
  }
  const ceiling = ceilingLeft(limits.envelopes)
  if (ceiling && ceiling.left < requested) {
    return { status: 'refused', reason: 'workflow_ceiling', workflowId: ceiling.workflowId, available: ceiling.left, requested }
  }
  const available = freeBalance(step.state, step.account, limits.spender.service)
  if (available < requested) return { status: 'refused', reason: 'insufficient_balance', available, requested }
  return undefined
}
