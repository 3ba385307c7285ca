import type { ProviderError, ProviderErrorKind } from '@farebox/core'
import { asRecord } from '../adapter/answer.ts'
import { type FailurePlace, sdkError } from '../adapter/sdk-error.ts'
import type { CartesiaConnection } from './cartesia-client.ts'

/**
 * Classifies what the SDK threw, what a stream or websocket said inside itself, and why a websocket was refused. See {@link sdkError}.
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
  // The voice is asked for beside the model, and another provider has others.
  ['voice_not_found', 'model_not_found'],
])

/** The SDK keeps an answer's words in `error`; an event inside a stream comes bare; a refused handshake is told in a message alone. */
function read(error: Record<string, unknown>) {
  const body = asRecord(error.error) ?? error
  const refused = /^Unexpected server response: (\d{3})$/.exec(String(error.message))?.[1]
  return {
    status: error.status ?? body.status_code ?? (refused === undefined ? undefined : Number(refused)),
    code: body.error_code ?? undefined,
    requestId: body.request_id ?? undefined,
  }
}

/** What an emitter of the SDK's websockets told as its error: the provider's event, or what broke the connection. */
export function socketFailure(told: unknown): unknown {
  const error = asRecord(told)
  const event = asRecord(error?.error)
  if (event?.type === 'error') return event
  // `ws` wraps what broke the connection into an event of its own.
  const cause = asRecord(error?.cause) ?? error
  return cause?.error ?? cause ?? told
}
