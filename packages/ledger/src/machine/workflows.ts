import { microCredits } from '@farebox/core'
import type { Operations } from '../operations.ts'
import type { Posting, WorkflowRow } from '../rows.ts'
import { dueAt, endHold, remindAt } from './advance.ts'
import { limitsOf, refusalOf } from './affordable.ts'
import { closedEnvelope } from './envelopes.ts'
import { newHold } from './holds.ts'
import { ANY_SERVICE, isReserve, reserveIdOf } from './reserves.ts'
import { setAside } from './set-aside.ts'
import { type Decision, refuse, type Step } from './step.ts'

/** Opens an envelope for calls that share a budget, a receipt and an id, and sets its reserve aside. */
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
  const workflow: WorkflowRow = {
    accountId: account.accountId,
    workflowId,
    rootId: parent?.rootId ?? workflowId,
    parentId: parent?.workflowId ?? null,
    name: input.name,
    businessAdapter: input.businessAdapter ?? null,
    userId: input.userId ?? null,
    apiKeyId: input.apiKeyId ?? null,
    state: 'open',
    maxCredits: input.maxCredits ?? null,
    spent: microCredits(0n),
    held: microCredits(0n),
    reserve: reserve?.amount ?? null,
    lines: [],
    createdAt: now,
    closedAt: null,
  }
  state.insert('workflows', workflow)
  count(step, workflow, { opened: 1n, closed: 0n, durationMs: 0n })
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
  // What a reserve takes from the one above it is counted there, and under its own ceiling now.
  const postings = setAside(step, { ...above, envelopes: [workflow, ...above.envelopes] }, hold, reserve.amount)
  state.insert('holds', hold)
  remindAt(account, dueAt(hold))
  return {
    done: { status: 'opened', workflowId, reserved: hold.amount, reserveHoldId: hold.holdId, replayed: false },
    postings,
  }
}

/** Ends a workflow. Holds that are still open under it go back. */
export function closeWorkflow(step: Step, input: Operations['closeWorkflow']): Decision<'closeWorkflow'> {
  const { state, account, now } = step
  const workflow = state.workflow(account.accountId, input.workflowId)
  if (!workflow) return refuse({ status: 'failed', code: 'WORKFLOW_NOT_FOUND', id: input.workflowId })
  const postings: Posting[] = []
  const isFirst = workflow.state === 'open'
  if (isFirst) {
    // The reserve last: what the others drew from it goes back to it first.
    const open = state.openHolds(account.accountId, workflow.workflowId)
    for (const hold of open.toSorted((a, b) => Number(isReserve(a)) - Number(isReserve(b)))) {
      postings.push(...endHold(state, account, hold, 'released', now))
    }
    workflow.state = 'closed'
    workflow.closedAt = now
    state.touch('workflows', workflow)
    count(step, workflow, { opened: 0n, closed: 1n, durationMs: BigInt(now - workflow.createdAt) })
  }
  const { workflowId, name, spent } = workflow
  const durationMs = (workflow.closedAt ?? now) - workflow.createdAt
  return {
    done: { status: 'closed', workflowId, spent, durationMs, replayed: false },
    postings,
    ...(isFirst && input.announce && { event: { type: 'workflow_closed', data: { workflowId, name, spent, durationMs } } }),
  }
}

function count(
  { state, account, now }: Step,
  workflow: WorkflowRow,
  counts: { opened: bigint; closed: bigint; durationMs: bigint },
): void {
  state.workflowRollups.add(now, {
    accountId: account.accountId,
    workflowName: workflow.name,
    apiKeyId: workflow.apiKeyId ?? '',
    userId: workflow.userId ?? '',
    ...counts,
    charged: 0n,
  })
}
