import type { ProviderError, ProviderErrorKind } from '@farebox/core'
import { asRecord } from '../adapter/answer.ts'
import { type FailurePlace, sdkError } from '../adapter/sdk-error.ts'
import type { CartesiaConnection } from './cartesia-client.ts'

/**
 * Classifies an error of the SDK, an error event of a stream or websocket, or the refusal of a websocket. See {@link sdkError}.
 *
 * @source https://docs.cartesia.ai/use-the-api/api-errors
 */
export function cartesiaError({ name, now }: CartesiaConnection, thrown: unknown, place: FailurePlace): ProviderError {
  return sdkError({ name, now, kindByCode: KIND_BY_CODE, read }, thrown, place)
}

const KIND_BY_CODE: ReadonlyMap<string, ProviderErrorKind> = new Map([
  ['concurrency_limited', 'rate_limited'],
  ['quota_exceeded', 'quota_exhausted'],
  ['model_not_found', 'model_not_found'],
  // Like a missing model, a missing voice may exist at another provider.
  ['voice_not_found', 'model_not_found'],
])

/**
 * The SDK keeps an answer's body in `error`. A stream's error event is the body itself. A refused handshake has only a message.
 */
function read(error: Record<string, unknown>) {
  const body = asRecord(error.error) ?? error
  const refused = /^Unexpected server response: (\d{3})$/.exec(String(error.message))?.[1]
  return {
    status: error.status ?? body.status_code ?? (refused === undefined ? undefined : Number(refused)),
    code: body.error_code ?? undefined,
    requestId: body.request_id ?? undefined,
  }
}

/** The cause of a websocket's error: the provider's error event, or what broke the connection. */
export function socketFailure(told: unknown): unknown {
  const error = asRecord(told)
  const event = asRecord(error?.error)
  if (event?.type === 'error') return event
  // `ws` wraps the cause in its own event.
  const cause = asRecord(error?.cause) ?? error
  return cause?.error ?? cause ?? told
}
