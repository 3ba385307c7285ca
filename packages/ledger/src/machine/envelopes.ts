import { type Credits, microCredits } from '@farebox/core'
import type { WorkflowRow } from '../rows.ts'
import type { LedgerState } from './state.ts'

/** A workflow and the one at its top, which shares its ceiling with all below it; one element when they are the same. */
export function envelopesOf(state: LedgerState, workflow: WorkflowRow | undefined): WorkflowRow[] {
  if (!workflow) return []
  if (workflow.rootId === workflow.workflowId) return [workflow]
  const root = state.workflow(workflow.accountId, workflow.rootId)
  return root ? [workflow, root] : [workflow]
}

/** What may still be spent under the ceilings; `undefined` when there is none. */
export function ceilingLeft(envelopes: readonly WorkflowRow[]): Credits | undefined {
  let least: bigint | undefined
  for (const { maxCredits, spent, held } of envelopes) {
    if (maxCredits === null) continue
    const left = maxCredits - spent - held
    if (least === undefined || left < least) least = left
  }
  return least === undefined ? undefined : microCredits(least > 0n ? least : 0n)
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
