import type { Credits } from '@farebox/core'

/** A call that held credits and has failed. */
interface FailedCall {
  holdId: string
  /** What it was charged, as far as the ledger has said. @defaultValue nothing */
  charged?: Credits
}

/** By the errors that the calls ended with. */
const failedCalls = new WeakMap<object, FailedCall>()

/** The error of a call that has failed, with what is known of its charges. */
export function failedWith<Thrown>(error: Thrown, call: FailedCall): Thrown {
  if (typeof error === 'object' && error !== null) failedCalls.set(error, call)
  return error
}

/** Whether the customer was charged for the call that ended with this error: for its failed attempts. */
export function wasCharged(error: unknown): boolean {
  return (failedCallOf(error)?.charged ?? 0n) > 0n
}

/** The hold of the call that ended with this error. It tells later whether a charge got through that the database did not answer. */
export function holdOf(error: unknown): string | undefined {
  return failedCallOf(error)?.holdId
}

function failedCallOf(error: unknown): FailedCall | undefined {
  return typeof error === 'object' && error !== null ? failedCalls.get(error) : undefined
}
