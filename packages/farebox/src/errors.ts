import {
  type Credits,
  FareboxError,
  formatCredits,
  isFareboxError,
  type ProviderError,
  type ProviderErrorKind,
} from '@farebox/core'
import type { Refusal } from '@farebox/ledger'
import type { RouteRefusal, TooLong } from '@farebox/router'

/** The account cannot pay for the request, not even at the cheapest provider that may serve it. Nothing was charged or held. */
export class InsufficientCreditsError extends FareboxError {
  override readonly code = 'INSUFFICIENT_CREDITS'
  readonly needed: Credits
  readonly available: Credits

  constructor(needed: Credits, available: Credits, what = 'this request') {
    super(`${what} needs ${formatCredits(needed)} credits, ${formatCredits(available)} are available`)
    this.needed = needed
    this.available = available
  }
}

/** A budget leaves too little for the request. Nothing was charged or held. */
export class BudgetExceededError extends FareboxError {
  override readonly code = 'BUDGET_EXCEEDED'
  readonly budgetId: string
  readonly needed: Credits
  readonly available: Credits
  /** When the budget resets, in epoch milliseconds. */
  readonly resetsAt: number | undefined

  constructor(facts: { budgetId: string; needed: Credits; available: Credits; resetsAt?: number }) {
    super(
      `budget ${facts.budgetId} leaves ${formatCredits(facts.available)} credits, ${formatCredits(facts.needed)} are needed` +
        (facts.resetsAt === undefined ? '' : `; it resets at ${new Date(facts.resetsAt).toISOString()}`),
    )
    this.budgetId = facts.budgetId
    this.needed = facts.needed
    this.available = facts.available
    this.resetsAt = facts.resetsAt
  }
}

/** The workflow's ceiling leaves too little for the request. Nothing was charged or held. */
export class WorkflowCeilingError extends FareboxError {
  override readonly code = 'WORKFLOW_CEILING'
  readonly needed: Credits
  readonly available: Credits

  constructor(needed: Credits, available: Credits) {
    super(`the workflow may still spend ${formatCredits(available)} credits, ${formatCredits(needed)} are needed`)
    this.needed = needed
    this.available = available
  }
}

/** Every provider that may serve the request costs more than `max_credits_per_request` or the API key allows. */
export class RequestLimitError extends FareboxError {
  override readonly code = 'REQUEST_LIMIT'
  readonly needed: Credits
  readonly limit: Credits

  constructor(message: string, needed: Credits, limit: Credits) {
    super(message)
    this.needed = needed
    this.limit = limit
  }
}

/** The account is frozen. Nothing was charged or held. */
export class AccountFrozenError extends FareboxError {
  override readonly code = 'ACCOUNT_FROZEN'
}

/** A refund asks for more than is left of the charge. Nothing was given back. */
export class RefundExceedsChargeError extends FareboxError {
  override readonly code = 'REFUND_EXCEEDS_CHARGE'
  readonly usageId: string
  /** What can still be given back. */
  readonly refundable: Credits

  constructor({ usageId, refundable, requested }: { usageId: string; refundable: Credits; requested: Credits }) {
    const usage = `usage ${JSON.stringify(usageId)}`
    super(
      refundable === 0n
        ? `nothing of the charge of ${usage} is left to give back`
        : `${formatCredits(refundable)} credits of the charge of ${usage} are left to give back, not ${formatCredits(requested)}`,
    )
    this.usageId = usageId
    this.refundable = refundable
  }
}

/** The configuration disables the service, or the API key may not use it. */
export class ServiceNotAllowedError extends FareboxError {
  override readonly code = 'SERVICE_NOT_ALLOWED'
  readonly service: string

  constructor(service: string, message: string) {
    super(message)
    this.service = service
  }
}

/** The request is longer than any provider that could serve it accepts. A shorter request would be served. */
export class RequestTooLongError extends FareboxError {
  override readonly code = 'REQUEST_TOO_LONG'
  /** The unit of `length` and `most`. */
  readonly unit: 'tokens' | 'characters'
  /** The predicted length of the request. For a chat, this includes the answer that it asks for. */
  readonly length: number
  readonly most: number

  constructor(message: string, { unit, length, most }: TooLong) {
    super(message)
    this.unit = unit
    this.length = length
    this.most = most
  }
}

/**
 * No provider can serve the request: none is configured, none has a key, or none can do what is asked. `cause` names the disabled
 * providers and why, for the host only.
 */
export class NoProviderError extends FareboxError {
  override readonly code = 'NO_PROVIDER'
}

/** The workflow is closed and takes no more work. */
export class WorkflowClosedError extends FareboxError {
  override readonly code = 'WORKFLOW_CLOSED'
}

/**
 * Every provider that was tried failed. `cause` holds what they said, which is not for end users. If a provider rejected the
 * request, the message has its code and the parameter that it found wrong. `OUTCOME_UNKNOWN` means that a phone may have rung: do
 * not repeat the call. It is not retryable if every attempt met what lasts until somebody mends it: a wrong key, a used-up quota, a
 * missing model or package.
 */
export class ProvidersFailedError extends FareboxError {
  override readonly code: 'PROVIDERS_FAILED' | 'PROVIDER_TIMEOUT' | 'PROVIDERS_BUSY' | 'REQUEST_REJECTED' | 'OUTCOME_UNKNOWN'
  override readonly isRetryable: boolean
  /** The providers that were tried, and how each failed. */
  readonly attempts: readonly { provider: string; kind: string }[]
  /** How long to wait before a retry: the shortest time that a provider asked for, at most five minutes. */
  readonly retryAfterMs: number | undefined
  /** For `REQUEST_REJECTED`: the parameter that the last provider found wrong, as it names it. */
  readonly parameter: string | undefined

  constructor(
    code: ProvidersFailedError['code'],
    attempts: ProvidersFailedError['attempts'],
    cause: unknown,
    retryAfterMs = isProviderError(cause) ? cause.retryAfterMs : undefined,
  ) {
    const rejection = code === 'REQUEST_REJECTED' && isProviderError(cause) ? cause : undefined
    const fault = rejection ? faultOf(rejection) : ''
    const tried = attempts.map(({ provider, kind }) => `${provider} ${kind}`).join(', ') + fault
    super(`${FAILED[code]} (${tried})`, { cause })
    this.code = code
    const isLasting = code === 'PROVIDERS_FAILED' && attempts.length > 0 && attempts.every(({ kind }) => LASTING.has(kind))
    this.isRetryable = code !== 'REQUEST_REJECTED' && code !== 'OUTCOME_UNKNOWN' && !isLasting
    this.retryAfterMs = retryAfterMs === undefined ? undefined : Math.min(retryAfterMs, RETRY_AFTER_MS_MAX)
    this.parameter = rejection && parameterOf(rejection)
    this.attempts = attempts
  }
}

/**
 * The longest wait that callers are told. A provider may ask for a day, or for years, where its clock is wrong. Routing rests no
 * provider for longer by default, and asks again then.
 */
const RETRY_AFTER_MS_MAX = 300_000

/**
 * Failures that last until somebody mends their cause: a key, a bill, the name of a model, or a package that is missing. Another try
 * would meet them again.
 */
const LASTING: ReadonlySet<string> = new Set<ProviderErrorKind>([
  'authentication',
  'quota_exhausted',
  'model_not_found',
  'unsupported',
])

/** Describes what a provider found wrong, but leaves out its message, which may quote the prompt or a key. */
function faultOf(error: ProviderError): string {
  const { providerCode = '' } = error
  const parameter = parameterOf(error)
  const code = /^[\w.-]{1,64}$/.test(providerCode) ? ` ${providerCode}` : ''
  return code || parameter ? `:${code}${parameter ? ` at ${parameter}` : ''}` : ''
}

function parameterOf({ providerParameter = '' }: ProviderError): string | undefined {
  return /^[\w.[\]-]{1,200}$/.test(providerParameter) ? providerParameter : undefined
}

const FAILED: Readonly<Record<ProvidersFailedError['code'], string>> = {
  PROVIDERS_FAILED: 'no provider answered',
  PROVIDERS_BUSY: 'every provider is at its limit of requests',
  PROVIDER_TIMEOUT: 'no provider answered in time',
  REQUEST_REJECTED: 'the provider rejected the request',
  OUTCOME_UNKNOWN: 'the call may have been made: do not repeat it before you know',
}

/** The caller left before an answer began. Nothing was charged. */
export class CallerLeftError extends FareboxError {
  override readonly code = 'CALLER_LEFT'
}

/** The API key or admin token is missing or not valid. */
export class UnauthorizedError extends FareboxError {
  override readonly code = 'UNAUTHORIZED'
}

/** The audio is empty, not audio, or too large for the length that it states. */
export class InvalidAudioError extends FareboxError {
  override readonly code = 'INVALID_AUDIO'
}

/** The account has no agent of that id. */
export class AgentNotFoundError extends FareboxError {
  override readonly code = 'AGENT_NOT_FOUND'
}

/** Converts a refusal of the ledger to an error. `needed` is the least that would have sufficed. */
export function errorOfRefusal(refusal: Refusal, needed?: Credits): FareboxError {
  switch (refusal.reason) {
    case 'insufficient_balance':
      return new InsufficientCreditsError(needed ?? refusal.requested, refusal.available)
    case 'account_frozen':
      return new AccountFrozenError('the account is frozen: no new work is taken until it is looked into')
    case 'budget_exceeded':
      return new BudgetExceededError({ ...refusal, needed: needed ?? refusal.requested })
    case 'workflow_ceiling':
      return new WorkflowCeilingError(needed ?? refusal.requested, refusal.available)
    case 'workflow_closed':
      return new WorkflowClosedError(`workflow ${refusal.workflowId} is closed`)
    case 'hold_not_open':
      return new WorkflowClosedError(`hold ${refusal.holdId} is ${refusal.state}`)
  }
}

/** Converts a refusal of the router to an error. */
export function errorOfRoute(refusal: RouteRefusal): FareboxError {
  const { needed, available, limit } = refusal
  switch (refusal.reason) {
    case 'service_disabled':
      return new ServiceNotAllowedError(refusal.service, refusal.message)
    case 'insufficient_credits':
      if (needed !== undefined && available !== undefined) return new InsufficientCreditsError(needed, available)
      break
    case 'over_request_limit':
      if (needed !== undefined && limit !== undefined) return new RequestLimitError(refusal.message, needed, limit)
      break
    default:
      if (refusal.tooLong) return new RequestTooLongError(refusal.message, refusal.tooLong)
  }
  const cause = whoIsOff(refusal)
  return new NoProviderError(refusal.message, cause && { cause })
}

/** Names the disabled providers for the host. Callers must not learn how it is set up. */
function whoIsOff({ rejected }: RouteRefusal): Error | undefined {
  const off = rejected
    .filter(({ reason }) => reason === 'provider_disabled')
    .map(({ entry, detail }) => `${entry.adapter.name}, ${detail}`)
  return off.length > 0 ? new Error(`providers that are off: ${[...new Set(off)].join('; ')}`) : undefined
}

function isProviderError(error: unknown): error is ProviderError {
  return isFareboxError(error) && error.code === 'PROVIDER_ERROR'
}
