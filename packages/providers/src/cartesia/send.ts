import type { Call } from '../adapter/call.ts'
import { answerAndFacts, headersOf } from '../adapter/sdk-answer.ts'
import type { CartesiaClient, CartesiaConnection, CartesiaRequestOptions } from './cartesia-client.ts'

/** An answer of the SDK, its headers, and the id under which the provider logged it, where it says so. */
export interface SdkAnswer {
  data: unknown
  requestId: string | undefined
  headers: Pick<Headers, 'get'>
}

/** Makes one request of the SDK within `call`: never retried, and ended by the call's signal. */
export async function send(
  connection: CartesiaConnection,
  call: Call,
  request: (client: CartesiaClient, options: CartesiaRequestOptions) => PromiseLike<unknown>,
): Promise<SdkAnswer> {
  const client = await call.race(connection.client())
  const pending = request(client, { signal: call.signal, maxRetries: 0, headers: connection.headers })
  const { data, facts } = await answerAndFacts(call, pending, 'withResponse')
  const headers = headersOf(facts.response)
  return { data, requestId: headers.get('x-request-id') ?? undefined, headers }
}
