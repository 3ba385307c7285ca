import { FareboxError } from './errors.ts'
import type { Usage } from './usage.ts'

/**
 * The kinds of provider failure. Routing decides by the kind whether to retry or to fall back.
 *
 * | kind | same provider again | next candidate |
 * |---|---|---|
 * | `rate_limited` | after `retryAfterMs` | yes |
 * | `overloaded`, `unavailable`, `network` | yes | yes |
 * | `timeout` | no | yes |
 * | `incomplete` (the answer stopped half-way) | no | only before any content |
 * | `authentication`, `quota_exhausted`, `model_not_found` | no | yes |
 * | `context_too_long` | no | one with a larger window |
 * | `content_policy` | no | only if allowed |
 * | `invalid_request` | no | no: it would fail at every provider |
 * | `unsupported` (the adapter cannot do this, or the provider lacks what this request alone names, such as a voice) | no | yes |
 * | `malformed` (the adapter could not parse the answer) | no | yes |
 * | `outcome_unknown` (a phone may be ringing) | never | never |
 * | `aborted` (the caller left) | no | no |
 */
export type ProviderErrorKind =
  | 'rate_limited'
  | 'overloaded'
  | 'unavailable'
  | 'network'
  | 'timeout'
  | 'incomplete'
  | 'authentication'
  | 'quota_exhausted'
  | 'model_not_found'
  | 'context_too_long'
  | 'content_policy'
  | 'invalid_request'
  | 'unsupported'
  | 'malformed'
  | 'outcome_unknown'
  | 'aborted'

/** What an adapter knows about a failure when it throws a {@link ProviderError}. */
export interface ProviderErrorFacts {
  provider: string
  kind: ProviderErrorKind
  /** HTTP status of the provider's answer, if there was one. */
  status?: number | undefined
  /** How long the provider asked callers to wait. */
  retryAfterMs?: number | undefined
  /** The provider's own error code. */
  providerCode?: string | undefined
  /** The parameter that the provider rejected, as the provider names it. With `unsupported`: what it cannot do of the request. */
  providerParameter?: string | undefined
  /** What the host must install first, if that is why it failed: `"openai" (^6.30 or ^7)`. */
  needs?: string | undefined
  requestId?: string | undefined
  /** What the call had consumed when it failed; `undefined` when unknown. */
  usage?: Usage | undefined
  cause?: unknown
}

const RETRYABLE: ReadonlySet<ProviderErrorKind> = new Set(['rate_limited', 'overloaded', 'unavailable', 'network'])

/** A call to a provider failed. The message holds no key and no prompt, but may quote the provider: do not show it to end users. */
export class ProviderError extends FareboxError {
  override readonly code = 'PROVIDER_ERROR'
  override readonly isRetryable: boolean
  override readonly isSafe = false
  readonly provider: string
  readonly kind: ProviderErrorKind
  readonly status: number | undefined
  readonly retryAfterMs: number | undefined
  readonly providerCode: string | undefined
  readonly providerParameter: string | undefined
  readonly needs: string | undefined
  readonly requestId: string | undefined
  readonly usage: Usage | undefined

  constructor(message: string, facts: ProviderErrorFacts) {
    super(message, facts.cause === undefined ? undefined : { cause: facts.cause })
    this.provider = facts.provider
    this.kind = facts.kind
    this.isRetryable = RETRYABLE.has(facts.kind)
    this.status = facts.status
    this.retryAfterMs = facts.retryAfterMs
    this.providerCode = facts.providerCode
    this.providerParameter = facts.providerParameter
    this.needs = facts.needs
    this.requestId = facts.requestId
    this.usage = facts.usage
  }
}
