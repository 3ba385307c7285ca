import type { AttemptUsed, WorkflowDetails } from '@farebox/client'

/** A workflow in whole. What providers charge, `cost_usd`, is told to admins alone. */
export interface WorkflowDetail extends Omit<WorkflowDetails, 'attempts'> {
  attempts?: (AttemptUsed & { cost_usd?: string })[]
}
