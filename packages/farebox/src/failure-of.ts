import type { FareboxError, ProviderErrorKind } from '@farebox/core'
import type { Refusal } from '@farebox/ledger'
import type { AttemptOutcome, Operation } from '@farebox/router'
import { CallerLeftError, errorOfRefusal, ProvidersFailedError } from './errors.ts'

/** Converts the outcome of a route without an answer to an error. */
export function failureOf(
  outcome: Exclude<AttemptOutcome<unknown, Refusal>, { status: 'succeeded' }>,
  operation: Operation,
): FareboxError {
  const attempts = outcome.attempts.map(({ candidate, errorKind }) => ({
    provider: candidate.offer.provider,
    kind: errorKind ?? 'failed',
  }))
  switch (outcome.status) {
    case 'left':
      if (operation === 'call' && attempts.length > 0) return new ProvidersFailedError('OUTCOME_UNKNOWN', attempts, undefined)
      return new CallerLeftError('the caller left before an answer began')
    case 'refused':
      return outcome.error
        ? new ProvidersFailedError('PROVIDERS_FAILED', attempts, outcome.error)
        : errorOfRefusal(outcome.refusal)
    case 'failed': {
      const { kind } = outcome.error
      if (operation === 'call' && !NOT_DIALLED.has(kind))
        return new ProvidersFailedError('OUTCOME_UNKNOWN', attempts, outcome.error)
      if (kind === 'invalid_request' || kind === 'content_policy' || kind === 'context_too_long') {
        return new ProvidersFailedError('REQUEST_REJECTED', attempts, outcome.error)
      }
      // An unsupported parameter is the caller's mistake. Without one, the cause may be a package that is not installed.
      if (attempts.every((attempt) => attempt.kind === 'unsupported') && outcome.error.providerParameter !== undefined) {
        return new ProvidersFailedError('REQUEST_REJECTED', attempts, outcome.error)
      }
      // If no attempt was made, `every` is true, and the error tells why there was none.
      if (kind === 'rate_limited' && attempts.every((attempt) => attempt.kind === 'rate_limited')) {
        return new ProvidersFailedError('PROVIDERS_BUSY', attempts, outcome.error)
      }
      const isTimeout = outcome.cause === 'deadline' || kind === 'timeout'
      return new ProvidersFailedError(isTimeout ? 'PROVIDER_TIMEOUT' : 'PROVIDERS_FAILED', attempts, outcome.error)
    }
  }
}

/** Failures after which a provider has certainly not dialled. */
const NOT_DIALLED: ReadonlySet<ProviderErrorKind> = new Set([
  'rate_limited',
  'authentication',
  'quota_exhausted',
  'model_not_found',
  'unsupported',
  'invalid_request',
  'content_policy',
])
