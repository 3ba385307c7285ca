import { BudgetExceededError, InsufficientCreditsError, WorkflowCeilingError } from './errors.ts'

/** Whether the balance, a budget or the workflow's ceiling leaves too little. Less of the work may still be affordable. */
export function isUnaffordable(error: unknown): error is InsufficientCreditsError | BudgetExceededError | WorkflowCeilingError {
  return [InsufficientCreditsError, BudgetExceededError, WorkflowCeilingError].some((kind) => error instanceof kind)
}
