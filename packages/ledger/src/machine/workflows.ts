import { microCredits } from '@farebox/core'
import type { Operations } from '../operations.ts'
import type { Posting, WorkflowRow } from '../rows.ts'
import { endHold } from './advance.ts'
import { type Decision, refuse, type Step } from './step.ts'
import { hourOf } from './windows.ts'

/** Opens an envelope for calls that share a budget, a receipt and an id. */
export function openWorkflow({ state, account, now }: Step, input: Operations['openWorkflow']): Decision<'openWorkflow'> {
  const { workflowId } = input
  if (state.workflow(account.accountId, workflowId)) {
    return refuse({ status: 'failed', code: 'ALREADY_EXISTS', what: 'workflow', id: workflowId })
  }
  const parent = input.parentId === undefined ? undefined : state.workflow(account.accountId, input.parentId)
  if (input.parentId !== undefined) {
    if (!parent) return refuse({ status: 'failed', code: 'WORKFLOW_NOT_FOUND', id: input.parentId })
    if (parent.state === 'closed') {
      return refuse({ status: 'refused', reason: 'workflow_closed', workflowId: parent.workflowId })
    }
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
    lines: [],
    createdAt: now,
    closedAt: null,
  }
  state.insert('workflows', workflow)
  count({ state, account, now }, workflow, { opened: 1n, closed: 0n, durationMs: 0n })
  return { done: { status: 'opened', workflowId, replayed: false }, postings: [] }
}

/** Ends a workflow. Holds that are still open under it go back. */
export function closeWorkflow(step: Step, input: Operations['closeWorkflow']): Decision<'closeWorkflow'> {
  const { state, account, now } = step
  const workflow = state.workflow(account.accountId, input.workflowId)
  if (!workflow) return refuse({ status: 'failed', code: 'WORKFLOW_NOT_FOUND', id: input.workflowId })
  const postings: Posting[] = []
  if (workflow.state === 'open') {
    for (const hold of state.openHolds(account.accountId, workflow.workflowId)) {
      postings.push(...endHold(state, account, hold, 'released', now))
    }
    workflow.state = 'closed'
    workflow.closedAt = now
    state.touch('workflows', workflow)
    count(step, workflow, { opened: 0n, closed: 1n, durationMs: BigInt(now - workflow.createdAt) })
  }
  const durationMs = (workflow.closedAt ?? now) - workflow.createdAt
  return {
    done: { status: 'closed', workflowId: workflow.workflowId, spent: workflow.spent, durationMs, replayed: false },
    postings,
  }
}

function count(
  { state, account, now }: Step,
  workflow: WorkflowRow,
  counts: { opened: bigint; closed: bigint; durationMs: bigint },
): void {
  state.add('workflow_rollups', {
    accountId: account.accountId,
    hour: hourOf(now),
    workflowName: workflow.name,
    apiKeyId: workflow.apiKeyId ?? '',
    userId: workflow.userId ?? '',
    ...counts,
    charged: 0n,
  })
}
