import { type Credits, microCredits } from '@farebox/core'
import type { NewWorkflow } from '../inputs.ts'
import type { Refusal } from '../outcomes.ts'
import type { BudgetRow, HoldRow, WorkflowRow } from '../rows.ts'
import { budgetsOf, type Spender, type TightestBudget, tightestBudget } from './budgets.ts'
import { ceilingLeft, closedEnvelope, envelopesOf } from './envelopes.ts'
import { freeBalance } from './lots.ts'
import { workflowToOpen } from './new-workflow.ts'
import { lotsIn, reservesOf, spendable } from './reserves.ts'
import { refuse, type Step } from './step.ts'

/** Everything that limits a spender, looked up once. */
export interface Limits {
  spender: Spender
  budgets: readonly BudgetRow[]
  envelopes: readonly WorkflowRow[]
  /** The reserves that were set aside for this work. They are drawn on first. */
  reserves: readonly HoldRow[]
}

/** Everything that limits a spender, in a workflow or outside any. */
export function limitsOf({ state, account, now }: Step, spender: Spender, workflow: WorkflowRow | undefined): Limits {
  const envelopes = envelopesOf(state, workflow)
  return { spender, budgets: budgetsOf(state, account, spender, now), envelopes, reserves: reservesOf(state, envelopes) }
}

/**
 * The workflow that new work belongs to, if any, and what limits the work, or why it is refused. Its user defaults to the
 * workflow's. If the workflow is new, the caller opens it once nothing refuses the work.
 */
export function newWork(step: Step, input: Spender & { workflowId?: string; opensWorkflow?: NewWorkflow }) {
  const found = workflowOf(step, input)
  if ('refused' in found) return found
  const { workflow, isNew } = found
  const closed = closedEnvelope(step.state, workflow)
  if (closed) return refuse(closed)
  const { service, apiKeyId } = input
  const spender = { service, apiKeyId, userId: input.userId ?? workflow?.userId ?? null }
  return { workflow, isNew, limits: limitsOf(step, spender, workflow) }
}

function workflowOf(step: Step, { workflowId, opensWorkflow }: { workflowId?: string; opensWorkflow?: NewWorkflow }) {
  if (workflowId === undefined) return { workflow: undefined, isNew: false }
  if (opensWorkflow) return workflowToOpen(step, workflowId, opensWorkflow)
  const workflow = step.state.workflow(step.account.accountId, workflowId)
  if (workflow) return { workflow, isNew: false }
  return refuse({ status: 'failed' as const, code: 'WORKFLOW_NOT_FOUND' as const, id: workflowId })
}

/** What may still be spent: the least of balance (with debt `beyond` the credit line), workflow ceilings and budgets. */
export function affordable(step: Step, limits: Limits, beyond = 0n): Credits {
  if (step.account.isFrozen) return microCredits(0n)
  let least: bigint = balanceLeft(step, limits, beyond)
  const ceiling = tightestCeiling(limits)
  if (ceiling && ceiling.left < least) least = ceiling.left
  const budget = tightest(step, limits)
  if (budget && budget.left < least) least = budget.left
  return microCredits(least > 0n ? least : 0n)
}

/** How many units of a price that is, if there is a price. */
export function inUnits(amount: Credits, unitPrice: Credits | undefined): { affordableUnits?: bigint } {
  return unitPrice !== undefined && unitPrice > 0n ? { affordableUnits: amount / unitPrice } : {}
}

/** Why `requested` cannot be spent, or `undefined` if it can. */
export function refusalOf(step: Step, limits: Limits, requested: Credits): Refusal | undefined {
  if (step.account.isFrozen) return { status: 'refused', reason: 'account_frozen' }
  const budget = tightest(step, limits)
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
  const ceiling = tightestCeiling(limits)
  if (ceiling && ceiling.left < requested) {
    return { status: 'refused', reason: 'workflow_ceiling', workflowId: ceiling.workflowId, available: ceiling.left, requested }
  }
  const available = balanceLeft(step, limits)
  if (available < requested) return { status: 'refused', reason: 'insufficient_balance', available, requested }
  return undefined
}

/** The balance that may be spent. A reserve is held already, so all of it comes on top of the free balance. */
function balanceLeft({ state, account }: Step, { spender, reserves }: Limits, beyond = 0n): Credits {
  const free = freeBalance(state, account, spender.service, beyond)
  return spendable(
    free,
    reserves.map(({ remaining }) => ({ amount: remaining, counted: remaining })),
  )
}

/** The tightest budget. A reserve already counts in the budgets that applied to it, or to what it drew on, when it was made. */
function tightest({ state }: Step, { budgets, reserves }: Limits): TightestBudget | undefined {
  return tightestBudget(budgets, (left, budget) =>
    spendable(
      left,
      reserves.flatMap((reserve) => lotsIn(state, budget, reserve)),
    ),
  )
}

/** The tightest ceiling. A reserve already counts under the ceilings of its own workflow and of those above it. */
function tightestCeiling({ envelopes, reserves }: Limits) {
  return ceilingLeft(envelopes, (left, depth) =>
    spendable(
      left,
      reserves.map(({ workflowId, remaining }) => {
        const at = envelopes.findIndex((workflow) => workflow.workflowId === workflowId)
        return { amount: remaining, counted: at <= depth ? remaining : 0n }
      }),
    ),
  )
}
