import type { Credits, FareboxError } from '@farebox/core'

/** Errors of calls without an answer whose failed attempts were charged. */
const charged = new WeakSet<object>()

/** The error of a call without an answer, with what its failed attempts were charged. */
export function failedWith(amount: Credits, error: FareboxError): FareboxError {
  if (amount > 0n) charged.add(error)
  return error
}

/** Whether the customer was charged for failed attempts of the call that ended with this error. */
export function wasCharged(error: unknown): boolean {
  return typeof error === 'object' && error !== null && charged.has(error)
}
