import type { ProviderErrorKind } from '@farebox/core'
import type { Operation } from './route.ts'

/** Where to go after a failure. */
export type NextStep = 'retry' | 'next' | 'next_larger' | 'stop'

/**
 * What may follow a failed attempt, by the table at `ProviderErrorKind`. `retry` may also go to the next candidate.
 *
 * A phone that may be ringing must not be called again: with operation `call`, only a failure that proves that the provider
 * turned the request down leads on.
 */
export function stepAfter(kind: ProviderErrorKind, operation: Operation, allowContentPolicyFallback: boolean): NextStep {
  if (operation === 'call' && !provesNothingHappened.has(kind)) return 'stop'
  if (kind === 'content_policy') return allowContentPolicyFallback ? 'next' : 'stop'
  return steps[kind]
}

const provesNothingHappened: ReadonlySet<ProviderErrorKind> = new Set([
  'rate_limited',
  'authentication',
  'quota_exhausted',
  'model_not_found',
  'unsupported',
])

const steps: Record<Exclude<ProviderErrorKind, 'content_policy'>, NextStep> = {
  rate_limited: 'retry',
  overloaded: 'retry',
  unavailable: 'retry',
  network: 'retry',
  timeout: 'next',
  incomplete: 'next',
  authentication: 'next',
  quota_exhausted: 'next',
  model_not_found: 'next',
  context_too_long: 'next_larger',
  invalid_request: 'stop',
  unsupported: 'next',
  malformed: 'next',
  outcome_unknown: 'stop',
  aborted: 'stop',
}
