import { type Credits, microCredits } from '@farebox/core'
import type { Refusal } from '../operations.ts'
import type { BudgetRow, WorkflowRow } from '../rows.ts'
import { budgetsOf, type Spender, tightestBudget } from './budgets.ts'
import { ceilingLeft, envelopesOf } from './envelopes.ts'
import { freeBalance } from './lots.ts'
import { refuse, type Step } from './step.ts'

/** Everything that limits a spender, looked up once. */
export interface Limits {
  spender: Spender
  budgets: readonly BudgetRow[]
  envelopes: readonly WorkflowRow[]
}

/** What limits a spender, in a workflow or outside any. */
export function limitsOf({ state, account, now }: Step, spender: Spender, workflow: WorkflowRow | undefined): Limits {
  return { spender, budgets: budgetsOf(state, account, spender, now), envelopes: envelopesOf(state, workflow) }
}

/** The workflow that new work belongs to, if any, and what limits the work; or why there is none. Its user is the workflow's unless named. */
export function newWork(step: Step, input: Spender & { workflowId?: string }) {
  const { accountId } = step.account
  const { workflowId, service, apiKeyId } = input
  const workflow = workflowId === undefined ? undefined : step.state.workflow(accountId, workflowId)
  if (workflowId !== undefined) {
    if (!workflow) return refuse({ status: 'failed' as const, code: 'WORKFLOW_NOT_FOUND' as const, id: workflowId })
    if (workflow.state === 'closed') return refuse({ status: 'refused' as const, reason: 'workflow_closed' as const, workflowId })
  }
  const spender = { service, apiKeyId, userId: input.userId ?? workflow?.userId ?? null }
  return { workflow, limits: limitsOf(step, spender, workflow) }
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
