import { asRecord } from '../adapter/answer.ts'
import type { Call } from '../adapter/call.ts'
import type { ReplyHeaders } from '../usage/reported.ts'
import type { ElevenlabsClient, ElevenlabsConnection, ElevenlabsRequestOptions } from './elevenlabs-client.ts'

/** An answer of the SDK, and its headers, which tell what it cost. */
export interface SdkAnswer {
  data: unknown
  headers: Pick<Headers, 'get'>
}

/** Makes one request of the SDK within `call`: never retried, and ended by the call's signal. */
export async function send(
  connection: ElevenlabsConnection,
  call: Call,
  request: (client: ElevenlabsClient, options: ElevenlabsRequestOptions) => PromiseLike<unknown>,
): Promise<SdkAnswer> {
  const client = await call.race(connection.client())
  const pending = request(client, { abortSignal: call.signal, maxRetries: 0 })
  // A client that the host has wrapped may return a plain promise.
  if (!('withRawResponse' in pending) || typeof pending.withRawResponse !== 'function') {
    return { data: await call.race(pending), headers: NO_HEADERS }
  }
  const answer = asRecord(await call.race(pending.withRawResponse() as PromiseLike<unknown>))
  const headers = asRecord(answer?.rawResponse)?.headers
  return { data: answer?.data, headers: isHeaders(headers) ? headers : NO_HEADERS }
}

const NO_HEADERS: Pick<Headers, 'get'> = { get: () => null }

function isHeaders(value: unknown): value is Pick<Headers, 'get'> & ReplyHeaders {
  return typeof asRecord(value)?.get === 'function'
}
