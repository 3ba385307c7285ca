import { ProviderError, type ProviderErrorKind } from '@farebox/core'
import { asRecord } from '../adapter/answer.ts'
import { sdkError } from '../adapter/sdk-error.ts'
import type { TwilioConnection } from './twilio-client.ts'
import { neverConnected, type TwilioExchange } from './twilio-http.ts'

/** Classifies what the SDK threw, by Twilio's codes before its statuses. See {@link sdkError}. */
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
 * What a failure to place a call means. Creating a call is not idempotent, and Twilio says itself that one which was answered with 500
 * may still ring: only a refusal in its own words, and a connection that was never opened, prove that no phone rings.
 *
 * @source https://www.twilio.com/docs/api/errors/20500
 */
export function placingError(
  connection: Pick<TwilioConnection, 'name' | 'now'>,
  thrown: unknown,
  { signal, exchange }: { signal: AbortSignal; exchange: TwilioExchange },
): ProviderError {
  // An answer that came tells more than the caller's leaving while it came.
  if (isRefusal(thrown)) return twilioError(connection, thrown, { signal: new AbortController().signal, exchange })
  const error = twilioError(connection, thrown, { signal, exchange })
  return exchange.wasSent && !neverConnected(thrown) ? outcomeUnknown(connection.name, error, undefined) : error
}

/** A call may be ringing, and nobody knows how it will end. `callId` is its id, where that much is known. */
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

/** The request is wrong before it is sent. `reason` quotes no more of it than is needed. */
export function invalidRequest(provider: string, reason: string): ProviderError {
  return new ProviderError(`${provider} cannot place this call: ${reason}`, { provider, kind: 'invalid_request' })
}

/**
 * What Twilio's codes mean to routing. `unsupported` is what this account may not do, though another provider may: it says nothing about the health of
 * this one, and the phone has not rung.
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

/** Twilio has no models: what is not found is an account or a call that was asked for. */
const KIND_BY_STATUS: ReadonlyMap<number, ProviderErrorKind> = new Map([
  [404, 'invalid_request'],
  [410, 'invalid_request'],
  [413, 'invalid_request'],
])

/** Statuses by which any server, a proxy too, says that it did not take the request. 408 and 499 are not: they are about waiting. */
const REFUSALS = new Set([400, 401, 402, 403, 404, 405, 410, 411, 413, 414, 415, 421, 422, 429, 431])

function isRefusal(thrown: unknown): boolean {
  const { status, code } = asRecord(thrown) ?? {}
  if (typeof status !== 'number' || status < 400 || status > 499) return false
  return REFUSALS.has(status) || typeof code === 'number'
}

/** axios, which a host's own client sends with, keeps the request in its errors, with the key and what was to be said. */
function withoutRequest(thrown: unknown): unknown {
  const error = asRecord(thrown)
  if (error?.config === undefined && error?.request === undefined) return thrown
  const { code, syscall, cause } = error
  const systemCause = asRecord(cause)?.config === undefined && asRecord(cause)?.request === undefined ? cause : undefined
  return Object.assign(new Error('the connection failed', { cause: systemCause }), { code, syscall })
}
