import type { Operations } from '../operations.ts'
import type { Posting, WorkflowRow } from '../rows.ts'
import { endHold } from './advance.ts'
import type { NewEvent } from './events.ts'
import { countWorkflow } from './new-workflow.ts'
import { isReserve } from './reserves.ts'
import type { Step } from './step.ts'

/** The result of ending a workflow: the postings of what its holds gave back, and the event to emit. */
export interface EndedWorkflow {
  postings: Posting[]
  event?: NewEvent
}

/** Ends a workflow, unless it has ended before, and releases the holds still open under it, or only its reserve. */
export function endWorkflow(
  step: Step,
  workflow: WorkflowRow,
  { announce, keepsHolds }: Pick<Operations['closeWorkflow'], 'announce' | 'keepsHolds'>,
): EndedWorkflow {
  const { state, account, now } = step
  if (workflow.state !== 'open') return { postings: [] }
  const postings: Posting[] = []
  // The reserve comes last, since the other holds first return to it what they drew.
  const open = state.openHolds(account.accountId, workflow.workflowId).filter((hold) => !keepsHolds || isReserve(hold))
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
