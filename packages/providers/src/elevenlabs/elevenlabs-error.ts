import { ProviderError, type ProviderErrorKind } from '@farebox/core'
import { asRecord } from '../adapter/answer.ts'
import { fetchFailure } from '../adapter/answering-fetch.ts'
import { type FailurePlace, sdkError } from '../adapter/sdk-error.ts'
import type { ElevenlabsConnection } from './elevenlabs-client.ts'

/**
 * Classifies an error of the SDK, by ElevenLabs' codes first, because it also answers 401 for an exhausted quota. See
 * {@link sdkError}.
 *
 * @source https://elevenlabs.io/docs/eleven-api/resources/errors and https://help.elevenlabs.io/hc/en-us/articles/19572237925521
 */
export function elevenlabsError({ name, now }: ElevenlabsConnection, thrown: unknown, place: FailurePlace): ProviderError {
  if (asRecord(thrown)?.name === 'JsonError') return unsendable(name, thrown, place)
  const failure = fetchFailure(asRecord(asRecord(thrown)?.rawResponse)?.headers) ?? thrown
  const kindByStatus = place.chosen === undefined ? undefined : KIND_OF_CHOICE
  return sdkError({ name, now, kindByCode: KIND_BY_CODE, read, ...(kindByStatus && { kindByStatus }) }, failure, place)
}

/** The error for options that are not of the types of ElevenLabs, by which the SDK checks them. Nothing was sent. */
function unsendable(provider: string, thrown: unknown, { usage }: FailurePlace): ProviderError {
  const { errors } = asRecord(thrown) ?? {}
  const [first] = Array.isArray(errors) ? errors.map(asRecord) : []
  const path = Array.isArray(first?.path) ? first.path.join('.') : ''
  const facts = /^[\w.]{1,64}$/.test(path) ? { providerParameter: path } : {}
  return new ProviderError(`${provider} was not asked: an option has the wrong type`, {
    provider,
    kind: 'invalid_request',
    usage,
    ...facts,
  })
}

const KIND_BY_CODE: ReadonlyMap<string, ProviderErrorKind> = new Map([
  ['quota_exceeded', 'quota_exhausted'],
  ['insufficient_credits', 'quota_exhausted'],
  ['too_many_concurrent_requests', 'rate_limited'],
  ['concurrent_limit_exceeded', 'rate_limited'],
  ['rate_limit_exceeded', 'rate_limited'],
  ['system_busy', 'overloaded'],
  ['invalid_api_key', 'authentication'],
  // Like a missing model, a missing voice may exist at another provider.
  ['voice_not_found', 'model_not_found'],
  // A voice of the library, which free plans do not have. The status is 402, but there may be quota left for other voices.
  ['paid_plan_required', 'model_not_found'],
  // An output format of a higher plan, which only `providerOptions` can ask for. The status is 403.
  ['output_format_not_allowed', 'unsupported'],
  ['model_not_found', 'model_not_found'],
  ['max_character_limit_exceeded', 'context_too_long'],
  ['text_too_long', 'context_too_long'],
])

/** A wrong key is a 401. With a voice that the caller named, a 403 is about that voice. */
const KIND_OF_CHOICE: ReadonlyMap<number, ProviderErrorKind> = new Map([[403, 'model_not_found']])

/** `detail` is an object with a code or, for a request that violates the schema, a list of the violations. */
function read(error: Record<string, unknown>) {
  const answer = asRecord(error.body)?.detail
  const detail = asRecord(answer) ?? {}
  const [broken] = Array.isArray(answer) ? answer.map(asRecord) : []
  const place = Array.isArray(broken?.loc) ? broken.loc.at(-1) : undefined
  const headers = asRecord(error.rawResponse)?.headers
  // `status` is the older name of `code`. Some errors have both, and only one of the two is specific.
  const codes = [detail.code, detail.status]
  return {
    code: codes.find((code) => typeof code === 'string' && KIND_BY_CODE.has(code)) ?? codes.find(Boolean),
    type: detail.type ?? broken?.type,
    param: detail.param ?? place ?? (codes.includes('output_format_not_allowed') ? 'output_format' : undefined),
    requestId: detail.request_id ?? (headers instanceof Headers ? headers.get('request-id') : undefined),
    ...(headers instanceof Headers ? { headers } : {}),
    ...(error.name === 'ElevenLabsTimeoutError' ? { isTimeout: true } : {}),
  }
}
