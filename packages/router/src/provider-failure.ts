import { isFareboxError, ProviderError } from '@farebox/core'
import type { Candidate, Operation } from './route.ts'

/** What a call threw, as a provider's error. A mistake of the adapter is `malformed`; where a phone may ring, `outcome_unknown`. */
export function toProviderError(thrown: unknown, candidate: Candidate, operation: Operation): ProviderError {
  if (isProviderError(thrown)) return thrown
  const provider = candidate.offer.provider
  const kind = operation === 'call' ? 'outcome_unknown' : 'malformed'
  return new ProviderError(`the adapter of ${provider} threw what is not a provider's error`, { provider, kind, cause: thrown })
}

/** The error of a call that did not answer in time. A phone may ring all the same. */
export function deadlineError(candidate: Candidate, operation: Operation, waitedFor: string): ProviderError {
  const provider = candidate.offer.provider
  const kind = operation === 'call' ? 'outcome_unknown' : 'timeout'
  return new ProviderError(`${provider}: no ${waitedFor} before the deadline`, { provider, kind })
}

/** What a consumer is told who reads on though its caller has left. */
export function leftError({ offer: { provider } }: Candidate): ProviderError {
  return new ProviderError(`${provider}: the caller left`, { provider, kind: 'aborted' })
}

/** By its mark and code, so that errors of another copy of core are known too. */
function isProviderError(thrown: unknown): thrown is ProviderError {
  return isFareboxError(thrown) && thrown.code === 'PROVIDER_ERROR'
}
