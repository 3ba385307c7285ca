import { isFareboxError } from 'farebox'

const REASONS: ReadonlySet<string> = new Set(['INSUFFICIENT_CREDITS', 'BUDGET_EXCEEDED', 'ACCOUNT_FROZEN'])

/** Whether an error means that the account can no longer pay: no credits left, a budget used up, or the account frozen. */
export function isUnpaid(error: unknown): boolean {
  return isFareboxError(error) && REASONS.has(error.code)
}
