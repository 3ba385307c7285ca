import { ProviderError, type ProviderErrorFacts, type ProviderErrorKind } from '@farebox/core'
import { asRecord } from '../adapter/answer.ts'
import { sdkError } from '../adapter/sdk-error.ts'
import type { TwilioConnection } from './twilio-client.ts'
import { neverConnected, type TwilioExchange } from './twilio-http.ts'

/** Classifies an error of the SDK, by Twilio's codes first. See {@link sdkError}. */
export function twilioError(
  { name, now }: Pick<TwilioConnection, 'name' | 'now'>,
  thrown: unknown,
  { signal, exchange }: { signal: AbortSignal; exchange?: TwilioExchange },
): ProviderError {
  const errors = {
    name,
    now,
    kindByCode: KIND_BY_CODE,
    kindByStatus: KIND_BY_STATUS,
    read: (error: Record<string, unknown>) => ({
      code: typeof error.code === 'number' && error.code > 0 ? String(error.code) : undefined,
      headers: exchange?.headers,
      isTimeout: error.name === 'TimeoutError' || error.code === 'ECONNABORTED' || error.code === 'ETIMEDOUT',
    }),
  }
  return sdkError(errors, withoutRequest(thrown), { signal })
}

/**
 * Classifies a failure to place a call. Creating a call is not idempotent, and by Twilio's own documentation a phone may ring
 * even after a 500. Only an explicit refusal or a connection that never opened proves that no phone rings.
 *
 * @source https://www.twilio.com/docs/api/errors/20500
 */
export function placingError(
  connection: Pick<TwilioConnection, 'name' | 'now'>,
  thrown: unknown,
  { signal, exchange }: { signal: AbortSignal; exchange: TwilioExchange },
): { error: ProviderError; mayRing: boolean } {
  // A refusal proves that no phone rings, even if the caller has aborted meanwhile.
  const isRefused = isRefusal(thrown)
  const error = twilioError(connection, thrown, { signal: isRefused ? new AbortController().signal : signal, exchange })
  return { error, mayRing: !isRefused && exchange.wasSent && !neverConnected(thrown) }
}

/** The error for a call that may be ringing and whose end is unknown. `callId` is its id, if known. */
export function outcomeUnknown(name: string, error: ProviderError, callId: string | undefined): ProviderError {
  const { status, providerCode, cause } = error
  const what =
    callId === undefined ? 'whether the call was placed is not known' : 'the call was placed, but not followed to its end'
  return new ProviderError(`${name}: ${what}: ${error.message}`, {
    provider: name,
    kind: 'outcome_unknown',
    status,
    providerCode,
    requestId: callId,
    cause,
  })
}

/**
 * The error for a request that is wrong before it is sent. `reason` should quote no more of it than necessary: callers are told
 * `fault` only.
 */
export function invalidRequest(
  provider: string,
  reason: string,
  fault: Pick<ProviderErrorFacts, 'providerCode' | 'providerParameter'> = {},
): ProviderError {
  return new ProviderError(`${provider} cannot place this call: ${reason}`, { provider, kind: 'invalid_request', ...fault })
}

/**
 * The meaning of Twilio's codes for routing. `unsupported` is for what this account may not do but another provider might: it
 * says nothing about Twilio's health, and no phone has rung.
 *
 * @source https://www.twilio.com/docs/api/errors (each code has its page there); 21215: https://support.twilio.com/hc/en-us/articles/223180228
 */
const KIND_BY_CODE: ReadonlyMap<string, ProviderErrorKind> = new Map([
  ['10001', 'quota_exhausted'], // account not active: out of funds, in the first place
  ['20005', 'quota_exhausted'], // account not active
  ['90010', 'quota_exhausted'], // account not active
  ['10002', 'unsupported'], // not with a trial account
  ['10004', 'rate_limited'], // too many calls at once
  ['10005', 'unsupported'], // calls are switched off for this account
  ['20003', 'authentication'],
  ['20006', 'authentication'], // access denied
  ['20008', 'authentication'], // not with test credentials
  ['70051', 'authentication'], // the API key may not do this
  ['20429', 'rate_limited'],
  ['20503', 'unavailable'],
  ['21201', 'invalid_request'], // no number to call
  ['21202', 'unsupported'], // a premium number
  ['21203', 'unsupported'], // international calls are not enabled
  ['21205', 'invalid_request'], // the URL of the instructions
  ['21210', 'unsupported'], // the caller's number is not verified for this account
  ['21211', 'invalid_request'], // the number to call
  ['21212', 'invalid_request'], // the caller's number
  ['21213', 'invalid_request'], // no caller's number
  ['21214', 'unsupported'], // the number cannot be reached from here
  ['21215', 'unsupported'], // geographic permissions
  ['21216', 'unsupported'], // blocked by Twilio
  ['21217', 'invalid_request'],
  ['21219', 'unsupported'], // a trial account calls verified numbers only
  ['21264', 'unsupported'], // the caller's number is not verified
  ['573002', 'unsupported'], // a trial account's caller number
  ['573005', 'unsupported'], // a trial account's recipient
])

/** Twilio has no models. What it does not find is an account or a call. */
const KIND_BY_STATUS: ReadonlyMap<number, ProviderErrorKind> = new Map([
  [404, 'invalid_request'],
  [410, 'invalid_request'],
  [413, 'invalid_request'],
])

/**
 * Statuses with which any server, even a proxy, refuses a request. They exclude 408 and 499, which end a wait and prove nothing.
 */
const REFUSALS = new Set([400, 401, 402, 403, 404, 405, 410, 411, 413, 414, 415, 421, 422, 429, 431])

function isRefusal(thrown: unknown): boolean {
  const { status, code } = asRecord(thrown) ?? {}
  if (typeof status !== 'number' || status < 400 || status > 499) return false
  return REFUSALS.has(status) || typeof code === 'number'
}

/** Strips the request, with its key and its text, from the errors of axios, which a host's own client may use. */
function withoutRequest(thrown: unknown): unknown {
  const error = asRecord(thrown)
  if (error?.config === undefined && error?.request === undefined) return thrown
  const { code, syscall, cause } = error
  const systemCause = asRecord(cause)?.config === undefined && asRecord(cause)?.request === undefined ? cause : undefined
  return Object.assign(new Error('the connection failed', { cause: systemCause }), { code, syscall })
}
