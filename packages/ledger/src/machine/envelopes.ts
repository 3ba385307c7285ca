import { type Credits, microCredits } from '@farebox/core'
import type { WorkflowRow } from '../rows.ts'
import type { LedgerState } from './state.ts'

/** A workflow and all workflows above it. Each shares its ceiling with all those below it. */
export function envelopesOf(state: LedgerState, workflow: WorkflowRow | undefined): WorkflowRow[] {
  const envelopes: WorkflowRow[] = []
  for (let next = workflow; next; next = next.parentId === null ? undefined : state.workflow(next.accountId, next.parentId)) {
    envelopes.push(next)
  }
  return envelopes
}

/** The refusal of new or additional work in or below a closed workflow, or `undefined` if all are open. */
export function closedEnvelope(state: LedgerState, workflow: WorkflowRow | undefined) {
  const closed = envelopesOf(state, workflow).find((envelope) => envelope.state === 'closed')
  return closed && { status: 'refused' as const, reason: 'workflow_closed' as const, workflowId: closed.workflowId }
}

/**
 * The ceiling with the least left under it, or `undefined` if there is none. Of equals, the lowest workflow's.
 *
 * @param spendable  how much can be spent when `left` is left under a ceiling: more, if reserves are counted under it already
 */
export function ceilingLeft(
  envelopes: readonly WorkflowRow[],
  spendable: (left: bigint, depth: number) => Credits,
): { workflowId: string; left: Credits } | undefined {
  let tightest: { workflowId: string; left: Credits } | undefined
  for (const [depth, { workflowId, maxCredits, spent, held }] of envelopes.entries()) {
    if (maxCredits === null) continue
    const left = spendable(maxCredits > spent + held ? maxCredits - spent - held : 0n, depth)
    if (!tightest || left < tightest.left) tightest = { workflowId, left }
  }
  return tightest
}

/** Adds to what is held and spent in each envelope. */
export function moveEnvelopes(
  state: LedgerState,
  envelopes: readonly WorkflowRow[],
  change: { held?: bigint; spent?: bigint },
): void {
  for (const workflow of envelopes) {
    workflow.held = microCredits(workflow.held + (change.held ?? 0n))
    workflow.spent = microCredits(workflow.spent + (change.spent ?? 0n))
    state.touch('workflows', workflow)
  }
}
