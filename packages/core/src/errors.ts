const mark = Symbol.for('farebox.error')

/**
 * Base of every error that Farebox throws. `code` is stable and documented; `isRetryable` says whether the same call may
 * succeed later; `isSafe` says whether the message may be shown to an end user.
 */
export abstract class FareboxError extends Error {
  /** Stable, documented, upper snake case. */
  abstract readonly code: string
  /** Whether the same call may succeed if made again later. */
  readonly isRetryable: boolean = false
  /** Whether the message may cross the wire to the caller of an HTTP API. */
  readonly isSafe: boolean = true

  constructor(message: string, options?: ErrorOptions) {
    super(message, options)
    this.name = new.target.name
    Object.defineProperty(this, mark, { value: true })
  }
}

/** Whether `error` is one of ours, also when two copies of this package are loaded. */
export function isFareboxError(error: unknown): error is FareboxError {
  return typeof error === 'object' && error !== null && mark in error
}

/** An option given to a constructor or factory is missing or out of range. The message names the option and the value received. */
export class InvalidOptionError extends FareboxError {
  override readonly code = 'INVALID_OPTION'
}
