import type { Posting, WorkflowRow } from '../rows.ts'
import { endHold } from './advance.ts'
import type { NewEvent } from './events.ts'
import { countWorkflow } from './new-workflow.ts'
import { isReserve } from './reserves.ts'
import type { Step } from './step.ts'

/** What came of ending a workflow: what its holds gave back, and what is to be told. */
export interface EndedWorkflow {
  postings: Posting[]
  event?: NewEvent
}

/** Ends a workflow, if it has not ended before. Holds that are still open under it go back. */
export function endWorkflow(step: Step, workflow: WorkflowRow, announce: boolean | undefined): EndedWorkflow {
  const { state, account, now } = step
  if (workflow.state !== 'open') return { postings: [] }
  const postings: Posting[] = []
  // The reserve last: what the others drew from it goes back to it first.
  const open = state.openHolds(account.accountId, workflow.workflowId)
  for (const hold of open.toSorted((a, b) => Number(isReserve(a)) - Number(isReserve(b)))) {
    postings.push(...endHold(state, account, hold, 'released', now))
  }
  workflow.state = 'closed'
  workflow.closedAt = now
  state.touch('workflows', workflow)
  const durationMs = now - workflow.createdAt
  countWorkflow(step, workflow, { opened: 0n, closed: 1n, durationMs: BigInt(durationMs) })
  if (!announce) return { postings }
  const { workflowId, name, spent } = workflow
  return { postings, event: { type: 'workflow_closed', data: { workflowId, name, spent, durationMs } } }
}
