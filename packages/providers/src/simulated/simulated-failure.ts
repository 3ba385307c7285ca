import { type Offer, ProviderError, type ProviderErrorKind, type Usage } from '@farebox/core'

/**
 * How a simulated call fails.
 *
 * - a kind of {@link ProviderError}: the call throws it. `incomplete` ends a stream after `afterParts` parts instead
 *   (default 1), and a plain call without an answer.
 * - `stall`: after `afterParts` parts (default 0) nothing comes until the caller gives up
 * - `unreported_usage`: all goes well, but nobody says what it cost
 */
export type SimulatedFailure =
  | { kind: ProviderErrorKind; status?: number; retryAfterMs?: number; providerCode?: string; afterParts?: number }
  | { kind: 'stall'; afterParts?: number }
  | { kind: 'unreported_usage' }

/** What a simulated call is about to do, for a function that decides how it fails. */
export interface SimulatedCall {
  offer: Offer
  attemptId: string
  /** How many calls of this service and provider came before. */
  callsBefore: number
}

/** Failures by provider (`gpt-4o`), or a function that is asked before each call. */
export type SimulatedFailures =
  | Readonly<Record<string, SimulatedFailure>>
  | ((call: SimulatedCall) => SimulatedFailure | undefined)

/** How one simulated call goes, step by step. */
export interface Fate {
  /** Whether usage is reported. */
  reportsUsage: boolean
  /** What happens after this many parts were handed out, or instead of a plain answer. */
  afterParts(parts: number, usage?: () => Usage | undefined): 'continue' | 'stall' | ProviderError
}

/** Reads what the failures say about a call. */
export function fateOf(failures: SimulatedFailures, call: SimulatedCall, adapter: string): Fate {
  const failure = typeof failures === 'function' ? failures(call) : failures[call.offer.provider]
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
