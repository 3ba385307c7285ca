import type { Operations } from '../operations.ts'
import { dueAt, remindAt } from './advance.ts'
import { limitsOf, refusalOf } from './affordable.ts'
import { endWorkflow } from './end-workflow.ts'
import { closedEnvelope } from './envelopes.ts'
import { newHold } from './holds.ts'
import { addWorkflow, newWorkflow } from './new-workflow.ts'
import { ANY_SERVICE, reserveIdOf } from './reserves.ts'
import { setAside } from './set-aside.ts'
import { type Decision, refuse, type Step } from './step.ts'

/** Opens a workflow and sets its reserve aside. */
export function openWorkflow(step: Step, input: Operations['openWorkflow']): Decision<'openWorkflow'> {
  const { state, account, now } = step
  const { workflowId, reserve } = input
  if (state.workflow(account.accountId, workflowId)) {
    return refuse({ status: 'failed', code: 'ALREADY_EXISTS', what: 'workflow', id: workflowId })
  }
  const parent = input.parentId === undefined ? undefined : state.workflow(account.accountId, input.parentId)
  if (input.parentId !== undefined) {
    if (!parent) return refuse({ status: 'failed', code: 'WORKFLOW_NOT_FOUND', id: input.parentId })
  }
  const spender = { service: ANY_SERVICE, userId: input.userId ?? null, apiKeyId: input.apiKeyId ?? null }
  const closed = closedEnvelope(state, parent)
  if (closed) return refuse(closed)
  const above = reserve && limitsOf(step, spender, parent)
  if (above) {
    const refusal = refusalOf(step, above, reserve.amount)
    if (refusal) return refuse(refusal)
  }
  const workflow = newWorkflow(step, input, parent)
  addWorkflow(step, workflow)
  if (!above) return { done: { status: 'opened', workflowId, replayed: false }, postings: [] }

  const hold = newHold(account, now, {
    ...spender,
    holdId: reserveIdOf(workflowId),
    workflowId,
    provider: ANY_SERVICE,
    amount: reserve.amount,
    overage: 'cap',
    ttlMs: reserve.ttlMs,
    graceMs: 0,
  })
  // What this reserve draws from the ones above is counted there already. Now it also counts under its own ceiling.
  const postings = setAside(step, { ...above, envelopes: [workflow, ...above.envelopes] }, hold, reserve.amount)
  state.insert('holds', hold)
  remindAt(account, dueAt(hold))
  return {
    done: { status: 'opened', workflowId, reserved: hold.amount, reserveHoldId: hold.holdId, replayed: false },
    postings,
  }
}

/** Closes a workflow and releases the holds still open under it, unless it keeps them. */
export function closeWorkflow(step: Step, input: Operations['closeWorkflow']): Decision<'closeWorkflow'> {
  const { state, account, now } = step
  const workflow = state.workflow(account.accountId, input.workflowId)
  if (!workflow) return refuse({ status: 'failed', code: 'WORKFLOW_NOT_FOUND', id: input.workflowId })
  const ended = endWorkflow(step, workflow, input)
  const { workflowId, spent, closedAt, createdAt } = workflow
  return { done: { status: 'closed', workflowId, spent, durationMs: (closedAt ?? now) - createdAt, replayed: false }, ...ended }
}
