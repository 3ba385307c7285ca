import type { ProviderError, ProviderErrorKind } from '@farebox/core'
import { asRecord, asRequestId, asText } from '../adapter/answer.ts'
import { fetchFailure } from '../adapter/answering-fetch.ts'
import { type FailurePlace, type SdkErrors, sdkError } from '../adapter/sdk-error.ts'
import type { DeepgramConnection } from './deepgram-client.ts'

/**
 * Classifies an error of the SDK, by Deepgram's codes first. See {@link sdkError}. Errors have `err_code` with `err_msg`, or
 * `category` with `message`. A refused websocket gives a text with the status in it.
 *
 * @source https://developers.deepgram.com/docs/errors
 */
export function deepgramError({ name, now }: DeepgramConnection, thrown: unknown, place: FailurePlace): ProviderError {
  const failure = fetchFailure(asRecord(asRecord(thrown)?.rawResponse)?.headers) ?? socketFailure(thrown)
  const kindByStatus = lacksModel(failure) ? KIND_WITHOUT_MODEL : undefined
  const errors: SdkErrors = { name, now, kindByCode: KIND_BY_CODE, read, ...(kindByStatus && { kindByStatus }) }
  return sdkError(errors, failure, place)
}

/** The id under which Deepgram logged a request, from a header, which has had two names, or from the body. */
export function requestIdOf(headers: unknown, body: unknown): string | undefined {
  const get = asRecord(headers)?.get
  const header = (name: string) => (typeof get === 'function' ? asRequestId(get.call(headers, name)) : undefined)
  const answer = asRecord(body)
  return (
    header('dg-request-id') ??
    header('x-dg-request-id') ??
    asRequestId(answer?.request_id) ??
    asRequestId(asRecord(answer?.metadata)?.request_id)
  )
}

const KIND_BY_CODE: ReadonlyMap<string, ProviderErrorKind> = new Map([
  ['INVALID_AUTH', 'authentication'],
  ['INSUFFICIENT_PERMISSIONS', 'authentication'],
  ['PROJECT_NOT_FOUND', 'authentication'],
  ['ASR_PAYMENT_REQUIRED', 'quota_exhausted'],
  ['PAYMENT_REQUIRED', 'quota_exhausted'],
  ['TOO_MANY_REQUESTS', 'rate_limited'],
  ['SLOW_UPLOAD', 'timeout'],
  ['INVALID_QUERY_PARAMETER', 'invalid_request'],
])

/** Deepgram has no code for an unknown model. It answers 400, also for the wrong language, or 403 if the key may not use it. */
const KIND_WITHOUT_MODEL: ReadonlyMap<number, ProviderErrorKind> = new Map([
  [400, 'model_not_found'],
  [403, 'model_not_found'],
])

function lacksModel(thrown: unknown): boolean {
  const body = asRecord(asRecord(thrown)?.body)
  const words = `${asText(body?.err_msg) ?? ''} ${asText(body?.message) ?? ''} ${asText(body?.details) ?? ''}`
  return /no such model|access to the requested model/i.test(words)
}

function read(error: Record<string, unknown>): ReturnType<NonNullable<SdkErrors['read']>> {
  const body = asRecord(error.body)
  const headers = asRecord(error.rawResponse)?.headers
  return {
    status: error.statusCode ?? refusedStatus(error.message),
    code: body?.err_code ?? body?.category ?? error.code,
    requestId: requestIdOf(headers, body),
    ...(isHeaders(headers) ? { headers } : {}),
    ...(isTimeout(error) ? { isTimeout: true } : {}),
  }
}

/** The error inside a websocket's error event. The event itself holds the request, and with it the key. */
function socketFailure(thrown: unknown): unknown {
  const event = asRecord(thrown)
  return event?.type === 'error' && event.error !== undefined ? event.error : thrown
}

function refusedStatus(message: unknown): number | undefined {
  const status = /^Unexpected server response: (\d{3})$/.exec(asText(message) ?? '')?.[1]
  return status === undefined ? undefined : Number(status)
}

/** Whether this is the SDK's timeout. It has no status, and its class depends on where the time ran out. */
function isTimeout({ message, name }: Record<string, unknown>): boolean {
  return name === 'DeepgramTimeoutError' || /^"?timeout"?$/i.test(asText(message) ?? '')
}

function isHeaders(value: unknown): value is Pick<Headers, 'get'> {
  return typeof asRecord(value)?.get === 'function'
}
