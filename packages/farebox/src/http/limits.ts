import { InvalidOptionError } from '@farebox/core'

/** What one caller may ask of the API at most. Each is about the whole of the handler's process. */
export interface RouteLimits {
  /** Longer JSON gets a 413. @defaultValue 26_214_400 (25 MiB: a conversation with images) */
  requestBytes?: number
  /** Longer forms and recordings get a 413. @defaultValue 26_214_400 (25 MiB, a long recording) */
  uploadBytes?: number
  /** Requests of one API key that may be under way, streams included; more get a 429. @defaultValue 1_000 */
  concurrentRequestsPerKey?: number
  /** Requests that one API key may make in a minute; more get a 429. What it may spend is for budgets to say. @defaultValue no limit */
  requestsPerMinutePerKey?: number
  /**
   * How long a request may take until its answer, or a stream, begins. Then its work is stopped, settled as for a caller who left, and
   * answered with a 504. Phone calls say themselves how long they may take. @defaultValue 300_000
   */
  timeoutMs?: number
}

/** The same, with nothing left open. */
export type ResolvedLimits = Readonly<Required<RouteLimits>>

const MIB = 1024 * 1024

const defaults: ResolvedLimits = {
  requestBytes: 25 * MIB,
  uploadBytes: 25 * MIB,
  concurrentRequestsPerKey: 1_000,
  requestsPerMinutePerKey: Number.POSITIVE_INFINITY,
  timeoutMs: 300_000,
}

/** @throws {InvalidOptionError} a limit is no whole number above 0 */
export function resolveLimits(given: RouteLimits = {}): ResolvedLimits {
  const chosen = Object.entries(given).filter(([, value]) => value !== undefined)
  for (const [name, value] of chosen) {
    if (!Object.hasOwn(defaults, name))
      throw new InvalidOptionError(`limits.${name} is no limit: use ${Object.keys(defaults).join(', ')}`)
    const isNumber = value === Number.POSITIVE_INFINITY || (Number.isSafeInteger(value) && value > 0)
    if (!isNumber) throw new InvalidOptionError(`limits.${name} must be a whole number above 0, received ${value}`)
  }
  return Object.freeze({ ...defaults, ...Object.fromEntries(chosen) })
}
