import type { ProviderError, ProviderErrorKind } from '@farebox/core'
import { asRecord } from '../adapter/answer.ts'
import { type FailurePlace, sdkError } from '../adapter/sdk-error.ts'
import type { LivekitConnection } from './livekit-client.ts'

/** Classifies an error of the SDK, by Twirp's codes first. See {@link sdkError}. */
export function livekitError({ name, now }: LivekitConnection, thrown: unknown, place: FailurePlace): ProviderError {
  return sdkError({ name, now, kindByCode: KIND_BY_CODE, read }, thrown, place)
}

/** @source https://twitchtv.github.io/twirp/docs/errors.html */
const KIND_BY_CODE: ReadonlyMap<string, ProviderErrorKind> = new Map([
  ['resource_exhausted', 'rate_limited'],
  ['unauthenticated', 'authentication'],
  ['permission_denied', 'authentication'],
  ['deadline_exceeded', 'timeout'],
  ['unavailable', 'unavailable'],
  ['internal', 'unavailable'],
  ['unknown', 'unavailable'],
  ['dataloss', 'unavailable'],
  ['aborted', 'unavailable'],
  ['unimplemented', 'unsupported'],
  ['bad_route', 'unsupported'],
  ['invalid_argument', 'invalid_request'],
  ['malformed', 'invalid_request'],
  ['out_of_range', 'invalid_request'],
  ['failed_precondition', 'invalid_request'],
  ['already_exists', 'invalid_request'],
  // A room or a participant, not a model.
  ['not_found', 'invalid_request'],
])

/** The SDK's timeout throws the platform's `TimeoutError`. */
function read(error: Record<string, unknown>) {
  return { isTimeout: error.name === 'TimeoutError', requestId: asRecord(error.metadata)?.request_id }
}
