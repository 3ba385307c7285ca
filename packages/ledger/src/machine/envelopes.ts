import { type Credits, microCredits } from '@farebox/core'
import type { WorkflowRow } from '../rows.ts'
import type { LedgerState } from './state.ts'

/** A workflow and those above it up to the top: each shares its ceiling with all below it. */
export function envelopesOf(state: LedgerState, workflow: WorkflowRow | undefined): WorkflowRow[] {
  const envelopes: WorkflowRow[] = []
  for (let next = workflow; next; next = next.parentId === null ? undefined : state.workflow(next.accountId, next.parentId)) {
    envelopes.push(next)
  }
  return envelopes
}

/** The refusal of new work, or of more for what is under way, below a workflow that was closed; `undefined` where all are open. */
export function closedEnvelope(state: LedgerState, workflow: WorkflowRow | undefined) {
  const closed = envelopesOf(state, workflow).find((envelope) => envelope.state === 'closed')
  return closed && { status: 'refused' as const, reason: 'workflow_closed' as const, workflowId: closed.workflowId }
}

/**
 * The ceiling with the least left under it; `undefined` when there is none. Of equals, the lowest.
 *
 * @param spendable  what can be spent where so much is left under a ceiling, which reserves below it may raise
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

/** Moves the envelopes' sums. */
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
