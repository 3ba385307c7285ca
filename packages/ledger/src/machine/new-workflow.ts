import { microCredits } from '@farebox/core'
import type { NewWorkflow } from '../inputs.ts'
import type { Operations } from '../operations.ts'
import type { WorkflowRow } from '../rows.ts'
import { refuse, type Step } from './step.ts'

/** A new workflow, not inserted yet. */
export function newWorkflow(
  { account, now }: Step,
  input: Omit<Operations['openWorkflow'], 'parentId'>,
  parent: WorkflowRow | undefined,
): WorkflowRow {
  const { workflowId, name, businessAdapter, userId, apiKeyId, maxCredits, reserve } = input
  return {
    accountId: account.accountId,
    workflowId,
    rootId: parent?.rootId ?? workflowId,
    parentId: parent?.workflowId ?? null,
    name,
    businessAdapter: businessAdapter ?? null,
    userId: userId ?? null,
    apiKeyId: apiKeyId ?? null,
    state: 'open',
    maxCredits: maxCredits ?? null,
    spent: microCredits(0n),
    held: microCredits(0n),
    reserve: reserve?.amount ?? null,
    lines: [],
    createdAt: now,
    closedAt: null,
  }
}

/** Inserts a new workflow and counts it as opened. */
export function addWorkflow(step: Step, workflow: WorkflowRow): void {
  step.state.insert('workflows', workflow)
  countWorkflow(step, workflow, { opened: 1n, closed: 0n, durationMs: 0n })
}

/**
 * The workflow that a hold or charge opens: a new one, not inserted yet, or the same one if it is open already, or the failure.
 */
export function workflowToOpen(step: Step, workflowId: string, opens: NewWorkflow) {
  const { state, account } = step
  const known = state.workflow(account.accountId, workflowId)
  const workflow = newWorkflow(step, { ...opens, workflowId }, undefined)
  if (!known) return { workflow, isNew: true }
  if (SAID.every((field) => known[field] === workflow[field])) return { workflow: known, isNew: false }
  return refuse({ status: 'failed' as const, code: 'ALREADY_EXISTS' as const, what: 'workflow', id: workflowId })
}

/** The properties that the opener of a workflow chooses. They must match for a workflow to count as the same. */
const SAID = ['parentId', 'name', 'businessAdapter', 'userId', 'apiKeyId', 'maxCredits', 'reserve'] as const

/** Counts a workflow that was opened or closed. */
export function countWorkflow(
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
