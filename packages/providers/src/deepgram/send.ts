import { asRecord } from '../adapter/answer.ts'
import type { Call } from '../adapter/call.ts'
import { type DeepgramClient, type DeepgramConnection, type DeepgramRequestOptions, TIMEOUT_SECONDS } from './deepgram-client.ts'
import { requestIdOf } from './deepgram-error.ts'

/** An SDK's answer, its headers, and the id under which the provider logged its request. */
export interface DeepgramAnswer {
  data: unknown
  headers: Pick<Headers, 'get'> | undefined
  requestId: string | undefined
}

/** Makes one request within `call`. It never retries, and the call's signal ends it. */
export async function send(
  connection: DeepgramConnection,
  call: Call,
  request: (client: DeepgramClient, options: DeepgramRequestOptions) => PromiseLike<unknown>,
): Promise<DeepgramAnswer> {
  const client = await call.race(connection.client())
  const pending = request(client, { abortSignal: call.signal, maxRetries: 0, timeoutInSeconds: TIMEOUT_SECONDS })
  // A client that the host has wrapped may return a plain promise.
  if (!('withRawResponse' in pending) || typeof pending.withRawResponse !== 'function') {
    const data = await call.race(pending)
    return { data, headers: undefined, requestId: requestIdOf(undefined, data) }
  }
  const answer = asRecord(await call.race(pending.withRawResponse() as PromiseLike<unknown>))
  const headers = asRecord(asRecord(answer?.rawResponse)?.headers) as Pick<Headers, 'get'> | undefined
  return { data: answer?.data, headers, requestId: requestIdOf(headers, answer?.data) }
}

/** The options without those that would undo metering: an answer sent to a callback would not report its usage here. */
export function meteredOptions(given: Record<string, unknown> = {}): Record<string, unknown> {
  const { callback: _, callback_method: __, ...options } = given
  return options
}
