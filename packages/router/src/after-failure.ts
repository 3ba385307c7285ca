import type { ProviderErrorKind } from '@farebox/core'
import type { Operation } from './route.ts'

/** What to do after a failure. */
export type NextStep = 'retry' | 'next' | 'next_larger' | 'stop'

/**
 * The step that may follow a failed attempt, by the table at `ProviderErrorKind`. `retry` also permits the next candidate.
 *
 * A phone that may be ringing must not be called again. So for operation `call`, only failures that prove that the provider
 * turned the request down allow another attempt.
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
