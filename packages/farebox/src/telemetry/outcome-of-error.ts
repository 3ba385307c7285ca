import { isFareboxError } from '@farebox/core'
import type { CallOutcome } from './call-observer.ts'

/** Codes of errors that mean that a call was not begun, because it could not be paid or was not allowed. */
const REFUSALS: ReadonlySet<string> = new Set([
  'INSUFFICIENT_CREDITS',
  'BUDGET_EXCEEDED',
  'WORKFLOW_CEILING',
  'REQUEST_LIMIT',
  'ACCOUNT_FROZEN',
  'SERVICE_NOT_ALLOWED',
  'WORKFLOW_CLOSED',
])

/** The outcome of a call that threw an error. */
export function outcomeOfError(error: unknown): CallOutcome {
  const code = codeOf(error)
  if (REFUSALS.has(code)) return 'refused'
  return code === 'CALLER_LEFT' ? 'left' : 'failed'
}

/** The stable code of a Farebox error. `INTERNAL` for any other error. */
export function codeOf(error: unknown): string {
  return isFareboxError(error) ? error.code : 'INTERNAL'
}
