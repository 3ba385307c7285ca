import { InvalidOptionError } from '@farebox/core'

/** Limits on the requests of one caller. Requests are counted per process, not across processes. */
export interface RouteLimits {
  /** The longest JSON body, in bytes. Longer ones get a 413. @defaultValue 26_214_400 (25 MiB: a conversation with images) */
  requestBytes?: number
  /** The longest form or recording, in bytes. Longer ones get a 413. @defaultValue 26_214_400 (25 MiB: a long recording) */
  uploadBytes?: number
  /** Requests that one API key may have under way, streams included. More get a 429. @defaultValue 1_000 */
  concurrentRequestsPerKey?: number
  /** Requests that one API key may make per minute. More get a 429. To limit spending, use budgets. @defaultValue no limit */
  requestsPerMinutePerKey?: number
  /**
   * How long a request may take until its answer or stream begins, in milliseconds. After that its work is stopped and settled as
   * if the caller had left, and the request gets a 504. Phone calls set their own time limit. @defaultValue 300_000
   */
  timeoutMs?: number
}

/** {@link RouteLimits} with every default filled in. */
export type ResolvedLimits = Readonly<Required<RouteLimits>>

const MIB = 1024 * 1024

const defaults: ResolvedLimits = {
  requestBytes: 25 * MIB,
  uploadBytes: 25 * MIB,
  concurrentRequestsPerKey: 1_000,
  requestsPerMinutePerKey: Number.POSITIVE_INFINITY,
  timeoutMs: 300_000,
}

/** @throws {InvalidOptionError} a limit is unknown, or is not a whole number above 0 */
export function resolveLimits(given: RouteLimits = {}): ResolvedLimits {
  if (typeof given !== 'object' || given === null)
    throw new InvalidOptionError(`limits takes an object of options, received ${given === null ? 'null' : typeof given}`)
  const chosen = Object.entries(given).filter(([, value]) => value !== undefined)
  for (const [name, value] of chosen) {
    if (!Object.hasOwn(defaults, name))
      throw new InvalidOptionError(`limits.${name} is no limit: use ${Object.keys(defaults).join(', ')}`)
    const isNumber = value === Number.POSITIVE_INFINITY || (Number.isSafeInteger(value) && value > 0)
    if (!isNumber) throw new InvalidOptionError(`limits.${name} must be a whole number above 0, received ${value}`)
  }
  return Object.freeze({ ...defaults, ...Object.fromEntries(chosen) })
}
