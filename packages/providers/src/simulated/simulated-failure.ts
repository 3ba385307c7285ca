import {
  checkOptionNames,
  checkOptionType,
  describeOption,
  InvalidOptionError,
  type Offer,
  ProviderError,
  type ProviderErrorKind,
  type Usage,
} from '@farebox/core'
import { checkNumber } from '../adapter/check-adapter-options.ts'

/**
 * How a simulated call fails.
 *
 * - a kind of {@link ProviderError}: the call throws it. A stream throws it after `afterParts` parts (default 1 for `incomplete`,
 *   otherwise 0).
 * - `stall`: the call hangs after `afterParts` parts (default 0) until the caller aborts it
 * - `unreported_usage`: the call succeeds but reports no usage
 */
export type SimulatedFailure =
  | { kind: ProviderErrorKind; status?: number; retryAfterMs?: number; providerCode?: string; afterParts?: number }
  | { kind: 'stall'; afterParts?: number }
  | { kind: 'unreported_usage' }

/** A simulated call about to run, as passed to a function that decides whether it fails. */
export interface SimulatedCall {
  offer: Offer
  attemptId: string
  /** How many calls to this service and provider came before. */
  callsBefore: number
}

/** Failures by provider (`gpt-4o`), or a function called before each call. */
export type SimulatedFailures =
  | Readonly<Record<string, SimulatedFailure>>
  | ((call: SimulatedCall) => SimulatedFailure | undefined)

/** The planned outcome of one simulated call. */
export interface Fate {
  /** Whether the call reports its usage. */
  reportsUsage: boolean
  /** What happens after this many parts, or instead of a plain answer. */
  afterParts(parts: number, usage?: () => Usage | undefined): 'continue' | 'stall' | ProviderError
}

const kinds: Readonly<Record<SimulatedFailure['kind'], true>> = {
  rate_limited: true,
  overloaded: true,
  unavailable: true,
  network: true,
  timeout: true,
  incomplete: true,
  authentication: true,
  quota_exhausted: true,
  model_not_found: true,
  context_too_long: true,
  content_policy: true,
  invalid_request: true,
  unsupported: true,
  malformed: true,
  outcome_unknown: true,
  aborted: true,
  stall: true,
  unreported_usage: true,
}
const known = { kind: true, status: true, retryAfterMs: true, providerCode: true, afterParts: true } as const

/**
 * Rejects a failure that no provider has, with which a test would show nothing.
 *
 * @throws {InvalidOptionError} its kind or a field is unknown, or a field is of a wrong type
 */
export function checkFailure(of: string, failure: SimulatedFailure): void {
  checkOptionNames(failure, known, of)
  if (typeof failure.kind !== 'string' || !Object.hasOwn(kinds, failure.kind)) {
    const received = describeOption(failure.kind)
    throw new InvalidOptionError(`kind of the ${of} must be one of ${Object.keys(kinds).join(', ')}; received ${received}`)
  }
  const given: Readonly<Record<string, unknown>> = failure
  for (const name of ['status', 'retryAfterMs', 'afterParts'] as const) checkNumber(`${name} of the ${of}`, given[name])
  checkOptionType(`providerCode of the ${of}`, given.providerCode, 'text')
}

/** Looks up how a call fails, if at all. */
export function fateOf(failures: SimulatedFailures, call: SimulatedCall, adapter: string): Fate {
  const failure = typeof failures === 'function' ? decided(failures(call)) : failures[call.offer.provider]
  return {
    reportsUsage: failure?.kind !== 'unreported_usage',
    afterParts: (parts, usage) => {
      if (!failure || failure.kind === 'unreported_usage') return 'continue'
      if (parts < (failure.afterParts ?? (failure.kind === 'incomplete' ? 1 : 0))) return 'continue'
      if (failure.kind === 'stall') return 'stall'
      const { kind, status, retryAfterMs, providerCode } = failure
      return new ProviderError(`${call.offer.provider} failed on request: ${kind}`, {
        provider: adapter,
        kind,
        status,
        retryAfterMs,
        providerCode,
        usage: usage?.(),
      })
    },
  }
}

/** What a function decided, as far as a provider has it. */
function decided(failure: SimulatedFailure | undefined): SimulatedFailure | undefined {
  if (!failure) return undefined
  if (failure instanceof Promise) throw new InvalidOptionError('failures() must return at once, received a promise')
  checkFailure('failure that failures() returned', failure)
  return failure
}
