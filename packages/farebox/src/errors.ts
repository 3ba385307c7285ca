import { type Credits, FareboxError, formatCredits, isFareboxError, type ProviderError } from '@farebox/core'
import type { Refusal } from '@farebox/ledger'
import type { RouteRefusal, TooLong } from '@farebox/router'

/** The account cannot pay for the request, not even at the cheapest provider that may serve it. Nothing was changed. */
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

/** A budget leaves too little for the request. Nothing was changed. */
export class BudgetExceededError extends FareboxError {
  override readonly code = 'BUDGET_EXCEEDED'
  readonly budgetId: string
  readonly needed: Credits
  readonly available: Credits
  /** Epoch milliseconds at which the budget starts again. */
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

/** The workflow's ceiling leaves too little for the request. Nothing was changed. */
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

/** Every provider that may serve the request costs more than `max_credits_per_request` allows. */
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

/** The account is frozen. Nothing was changed. */
export class AccountFrozenError extends FareboxError {
  override readonly code = 'ACCOUNT_FROZEN'
}

/** The configuration switches the service off, or the API key may not use it. */
export class ServiceNotAllowedError extends FareboxError {
  override readonly code = 'SERVICE_NOT_ALLOWED'
  readonly service: string

  constructor(service: string, message: string) {
    super(message)
    this.service = service
  }
}

/** The request is longer than anybody who could serve it takes. A shorter one would be served. */
export class RequestTooLongError extends FareboxError {
  override readonly code = 'REQUEST_TOO_LONG'
  /** What it is counted in. */
  readonly unit: 'tokens' | 'characters'
  /** How long it is, of a chat with the answer that it asks for, as was predicted. */
  readonly length: number
  readonly most: number

  constructor(message: string, { unit, length, most }: TooLong) {
    super(message)
    this.unit = unit
    this.length = length
    this.most = most
  }
}

/** No provider can serve the request: none is configured, none has a key, or none can do what is asked. `cause` says why some are off, for the host. */
export class NoProviderError extends FareboxError {
  override readonly code = 'NO_PROVIDER'
}

/** The workflow was closed, and takes no more work. */
export class WorkflowClosedError extends FareboxError {
  override readonly code = 'WORKFLOW_CLOSED'
}

/**
 * Every provider that was tried failed. What they said is in `cause`, and not for end users; of a request that was rejected the message
 * has the provider's code and the parameter that it found wrong. `OUTCOME_UNKNOWN`: a telephone may
 * have rung, so the same must not be asked again.
 */
export class ProvidersFailedError extends FareboxError {
  override readonly code: 'PROVIDERS_FAILED' | 'PROVIDER_TIMEOUT' | 'PROVIDERS_BUSY' | 'REQUEST_REJECTED' | 'OUTCOME_UNKNOWN'
  override readonly isRetryable: boolean
  /** The providers tried, with how each failed. */
  readonly attempts: readonly { provider: string; kind: string }[]
  /** How long the provider asked to wait. */
  readonly retryAfterMs: number | undefined

  constructor(code: ProvidersFailedError['code'], attempts: ProvidersFailedError['attempts'], cause: unknown) {
    const fault = code === 'REQUEST_REJECTED' && isProviderError(cause) ? faultOf(cause) : ''
    const tried = attempts.map(({ provider, kind }) => `${provider} ${kind}`).join(', ') + fault
    super(`${FAILED[code]} (${tried})`, { cause })
    this.code = code
    this.isRetryable = code !== 'REQUEST_REJECTED' && code !== 'OUTCOME_UNKNOWN'
    this.retryAfterMs = isProviderError(cause) ? cause.retryAfterMs : undefined
    this.attempts = attempts
  }
}

/** What a provider found wrong, without its words: they may quote the prompt or a key. */
function faultOf({ providerCode = '', providerParameter = '' }: ProviderError): string {
  const code = /^[\w.-]{1,64}$/.test(providerCode) ? ` ${providerCode}` : ''
  const parameter = /^[\w.[\]-]{1,200}$/.test(providerParameter) ? ` at ${providerParameter}` : ''
  return code || parameter ? `:${code}${parameter}` : ''
}

const FAILED: Readonly<Record<ProvidersFailedError['code'], string>> = {
  PROVIDERS_FAILED: 'no provider answered',
  PROVIDERS_BUSY: 'every provider is at its limit of requests',
  PROVIDER_TIMEOUT: 'no provider answered in time',
  REQUEST_REJECTED: 'the provider rejected the request',
  OUTCOME_UNKNOWN: 'the call may have been made: do not repeat it before you know',
}

/** The caller went away before an answer began. Nothing was charged. */
export class CallerLeftError extends FareboxError {
  override readonly code = 'CALLER_LEFT'
}

/** There is no key, or it is not good. */
export class UnauthorizedError extends FareboxError {
  override readonly code = 'UNAUTHORIZED'
}

/** The audio is empty, or is none. */
export class InvalidAudioError extends FareboxError {
  override readonly code = 'INVALID_AUDIO'
}

/** There is no agent of that id in the account. */
export class AgentNotFoundError extends FareboxError {
  override readonly code = 'AGENT_NOT_FOUND'
}

/** The error that a refusal of the ledger stands for. `needed`: the least that would have sufficed. */
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

/** The error that a refusal of the router stands for. */
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

/** For the host, who can do something about it: callers are not told how it is set up. */
function whoIsOff({ rejected }: RouteRefusal): Error | undefined {
  const off = rejected
    .filter(({ reason }) => reason === 'provider_disabled')
    .map(({ entry, detail }) => `${entry.adapter.name}, ${detail}`)
  return off.length > 0 ? new Error(`providers that are off: ${[...new Set(off)].join('; ')}`) : undefined
}

function isProviderError(error: unknown): error is ProviderError {
  return isFareboxError(error) && error.code === 'PROVIDER_ERROR'
}
