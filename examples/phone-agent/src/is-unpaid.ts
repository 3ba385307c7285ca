import { isFareboxError } from 'farebox'

const REASONS: ReadonlySet<string> = new Set(['INSUFFICIENT_CREDITS', 'BUDGET_EXCEEDED', 'ACCOUNT_FROZEN'])

/** Whether an account cannot pay any more: its credits are gone, a budget of it is used up, or it is frozen. */
export function isUnpaid(error: unknown): boolean {
  return isFareboxError(error) && REASONS.has(error.code)
}
