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

/** The ceiling with the least left under it; `undefined` when there is none. Of equals, the lowest. */
export function ceilingLeft(envelopes: readonly WorkflowRow[]): { workflowId: string; left: Credits } | undefined {
  let tightest: { workflowId: string; left: Credits } | undefined
  for (const { workflowId, maxCredits, spent, held } of envelopes) {
    if (maxCredits === null) continue
    const left = microCredits(maxCredits > spent + held ? maxCredits - spent - held : 0n)
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
