import type { ProviderError, ProviderErrorKind } from '@farebox/core'
import { asRecord, asText } from '../adapter/answer.ts'
import { fetchFailure } from '../adapter/answering-fetch.ts'
import { type FailurePlace, type SdkErrors, sdkError } from '../adapter/sdk-error.ts'
import type { DeepgramConnection } from './deepgram-client.ts'

/**
 * Classifies what the SDK threw, by Deepgram's codes before its statuses. See {@link sdkError}. Errors come in two styles, `err_code`
 * with `err_msg` and `category` with `message`, and from a refused websocket as a text with the status in it.
 *
 * @source https://developers.deepgram.com/docs/errors
 */
export function deepgramError({ name, now }: DeepgramConnection, thrown: unknown, place: FailurePlace): ProviderError {
  const failure = fetchFailure(asRecord(asRecord(thrown)?.rawResponse)?.headers) ?? socketFailure(thrown)
  const kindByStatus = lacksModel(failure) ? KIND_WITHOUT_MODEL : undefined
  const errors: SdkErrors = { name, now, kindByCode: KIND_BY_CODE, read, ...(kindByStatus && { kindByStatus }) }
  return sdkError(errors, failure, place)
}

/** The id under which Deepgram logged a request: in a header that has had two names, and in most bodies. */
export function requestIdOf(headers: unknown, body: unknown): string | undefined {
  const get = asRecord(headers)?.get
  const header = (name: string) => (typeof get === 'function' ? asText(get.call(headers, name)) : undefined)
  const answer = asRecord(body)
  return (
    header('dg-request-id') ??
    header('x-dg-request-id') ??
    asText(answer?.request_id) ??
    asText(asRecord(answer?.metadata)?.request_id)
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

/** Deepgram has no code for a model that it does not know, or not in this language: a 400, or a 403 where the key may not use it. */
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

/** What lies behind the event that a websocket fails with, which itself holds the request with its key. */
function socketFailure(thrown: unknown): unknown {
  const event = asRecord(thrown)
  return event?.type === 'error' && event.error !== undefined ? event.error : thrown
}

function refusedStatus(message: unknown): number | undefined {
  const status = /^Unexpected server response: (\d{3})$/.exec(asText(message) ?? '')?.[1]
  return status === undefined ? undefined : Number(status)
}

/** The SDK's timeouts, by their words: they have no status, and their class depends on where the time ran out. */
function isTimeout({ message, name }: Record<string, unknown>): boolean {
  return name === 'DeepgramTimeoutError' || /^"?timeout"?$/i.test(asText(message) ?? '')
}

function isHeaders(value: unknown): value is Pick<Headers, 'get'> {
  return typeof asRecord(value)?.get === 'function'
}
