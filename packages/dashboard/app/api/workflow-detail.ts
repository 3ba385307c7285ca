import type { AttemptUsed, WorkflowDetails } from '@farebox/client'

/** The details of a workflow. Only the admin token sees `cost_usd`, what providers charge. */
export interface WorkflowDetail extends Omit<WorkflowDetails, 'attempts'> {
  attempts?: (AttemptUsed & { cost_usd?: string })[]
}
