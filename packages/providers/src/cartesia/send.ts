import { asRecord, asText } from '../adapter/answer.ts'
import type { Call } from '../adapter/call.ts'
import type { CartesiaClient, CartesiaConnection, CartesiaRequestOptions } from './cartesia-client.ts'

/** An answer of the SDK, and the id under which the provider logged it, where it says so. */
export interface SdkAnswer {
  data: unknown
  requestId: string | undefined
}

/** Makes one request of the SDK within `call`: never retried, and ended by the call's signal. */
export async function send(
  connection: CartesiaConnection,
  call: Call,
  request: (client: CartesiaClient, options: CartesiaRequestOptions) => PromiseLike<unknown>,
): Promise<SdkAnswer> {
  const client = await call.race(connection.client())
  const pending = request(client, { signal: call.signal, maxRetries: 0, headers: connection.headers })
  // A client that the host has wrapped may return a plain promise.
  if (!('withResponse' in pending) || typeof pending.withResponse !== 'function') {
    return { data: await call.race(pending), requestId: undefined }
  }
  const answer = asRecord(await call.race(pending.withResponse() as PromiseLike<unknown>))
  const headers = asRecord(answer?.response)?.headers
  return { data: answer?.data, requestId: headers instanceof Headers ? asText(headers.get('x-request-id')) : undefined }
}
