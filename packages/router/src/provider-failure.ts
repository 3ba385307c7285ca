import { isFareboxError, ProviderError } from '@farebox/core'
import type { Candidate, Operation } from './route.ts'

/**
 * Turns what a call threw into a `ProviderError`. Anything else is `malformed`, or for a phone call, which may ring,
 * `outcome_unknown`.
 */
export function toProviderError(thrown: unknown, candidate: Candidate, operation: Operation): ProviderError {
  if (isProviderError(thrown)) return thrown
  const provider = candidate.offer.provider
  const kind = operation === 'call' ? 'outcome_unknown' : 'malformed'
  return new ProviderError(`the adapter of ${provider} threw an error that is not a ProviderError`, {
    provider,
    kind,
    cause: thrown,
  })
}

/** The error of a call without an answer in time. For a phone call it is `outcome_unknown`, because the phone may still ring. */
export function deadlineError(candidate: Candidate, operation: Operation, waitedFor: string): ProviderError {
  const provider = candidate.offer.provider
  const kind = operation === 'call' ? 'outcome_unknown' : 'timeout'
  return new ProviderError(`${provider}: no ${waitedFor} before the deadline`, { provider, kind })
}

/** The error for a consumer that reads on after its caller left. */
export function leftError({ offer: { provider } }: Candidate): ProviderError {
  return new ProviderError(`${provider}: the caller left`, { provider, kind: 'aborted' })
}

/** Checks mark and code rather than the class, to recognize errors of another copy of core too. */
function isProviderError(thrown: unknown): thrown is ProviderError {
  return isFareboxError(thrown) && thrown.code === 'PROVIDER_ERROR'
}
