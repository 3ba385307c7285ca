import type { CallContext } from '@farebox/core'
import { type Call, openCall } from '../adapter/call.ts'
import { asRecord, asText } from './answer.ts'
import type { OpenaiClient, OpenaiConnection, OpenaiRequestOptions } from './openai-client.ts'

/** An answer of the SDK, and the id under which the provider logged it. */
export interface SdkAnswer {
  data: unknown
  requestId: string | undefined
}

/** Makes one request of the SDK within `call`: never retried, and ended by the call's signal. */
export async function send(
  connection: OpenaiConnection,
  call: Call,
  request: (client: OpenaiClient, options: OpenaiRequestOptions) => PromiseLike<unknown>,
): Promise<SdkAnswer> {
  const client = await call.race(connection.client())
  const pending = request(client, { signal: call.signal, maxRetries: 0, headers: connection.headers })
  // A client that the host has wrapped may return a plain promise.
  if (!('withResponse' in pending) || typeof pending.withResponse !== 'function') {
    const data = await call.race(pending)
    return { data, requestId: asText(asRecord(data)?._request_id) }
  }
  const answer: unknown = await call.race(pending.withResponse() as PromiseLike<unknown>)
  return { data: asRecord(answer)?.data, requestId: asText(asRecord(answer)?.request_id) }
}

/** Opens a call for one method of the adapter. */
export function openOpenaiCall(connection: OpenaiConnection, context: CallContext): Call {
  return openCall(connection.name, context.signal)
}
