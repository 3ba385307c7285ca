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
  const failed = (code: ProvidersFailedError['code'], cause: unknown) =>
    new ProvidersFailedError(code, attempts, cause, shortestWait(outcome.attempts))
  switch (outcome.status) {
    case 'left':
      if (operation === 'call' && attempts.length > 0) return failed('OUTCOME_UNKNOWN', undefined)
      return new CallerLeftError('the caller left before an answer began')
    case 'refused':
      return outcome.error ? failed('PROVIDERS_FAILED', outcome.error) : errorOfRefusal(outcome.refusal)
    case 'failed': {
      const { kind } = outcome.error
      if (operation === 'call' && !NOT_DIALLED.has(kind)) return failed('OUTCOME_UNKNOWN', outcome.error)
      if (kind === 'invalid_request' || kind === 'content_policy' || kind === 'context_too_long') {
        return failed('REQUEST_REJECTED', outcome.error)
      }
      // An unsupported parameter is the caller's mistake. Without one, the cause may be a package that is not installed.
      if (attempts.every((attempt) => attempt.kind === 'unsupported') && outcome.error.providerParameter !== undefined) {
        return failed('REQUEST_REJECTED', outcome.error)
      }
      // If no attempt was made, `every` is true, and the error tells why there was none.
      if (kind === 'rate_limited' && attempts.every((attempt) => attempt.kind === 'rate_limited')) {
        return failed('PROVIDERS_BUSY', outcome.error)
      }
      const isTimeout = outcome.cause === 'deadline' || kind === 'timeout'
      return failed(isTimeout ? 'PROVIDER_TIMEOUT' : 'PROVIDERS_FAILED', outcome.error)
    }
  }
}

/**
 * The shortest time that one of the providers asked to wait, by what each said last. One that may answer at once asks for none, and
 * one that lacks a key or a model is not worth waiting for. `undefined`: no attempt tells.
 */
function shortestWait(attempts: AttemptOutcome<unknown, Refusal>['attempts']): number | undefined {
  const last = new Map(attempts.map(({ candidate, error }) => [candidate, error]))
  const waits = [...last.values()].flatMap((error) => (error?.isRetryable ? [error.retryAfterMs ?? 0] : []))
  return waits.length > 0 ? Math.min(...waits) : undefined
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
