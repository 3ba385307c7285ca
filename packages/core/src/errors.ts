const mark = Symbol.for('farebox.error')

/**
 * The base class of every error that Farebox throws. `code` is stable and documented, `isRetryable` says whether the same call may
 * succeed later, and `isSafe` says whether an end user may see the message.
 */
export abstract class FareboxError extends Error {
  /** Stable and documented, in upper snake case. */
  abstract readonly code: string
  /** Whether the same call may succeed later. */
  readonly isRetryable: boolean = false
  /** Whether the message may be sent to the caller of an HTTP API. */
  readonly isSafe: boolean = true

  constructor(message: string, options?: ErrorOptions) {
    super(message, options)
    this.name = new.target.name
    Object.defineProperty(this, mark, { value: true })
  }
}

/** Whether `error` is a {@link FareboxError}, even one from another loaded copy of this package. */
export function isFareboxError(error: unknown): error is FareboxError {
  return typeof error === 'object' && error !== null && mark in error
}

/** An option of a constructor or factory is missing or out of range. The message names the option and the value received. */
export class InvalidOptionError extends FareboxError {
  override readonly code = 'INVALID_OPTION'
}
