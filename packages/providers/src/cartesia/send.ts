import { asRequestId } from '../adapter/answer.ts'
import type { Call } from '../adapter/call.ts'
import { answerAndFacts, headersOf } from '../adapter/sdk-answer.ts'
import type { CartesiaClient, CartesiaConnection, CartesiaRequestOptions } from './cartesia-client.ts'

/** An SDK's answer, its headers, and the id under which the provider logged its request, if it sent one. */
export interface SdkAnswer {
  data: unknown
  requestId: string | undefined
  headers: Pick<Headers, 'get'>
}

/** Makes one request within `call`. It never retries, and the call's signal ends it. */
export async function send(
  connection: CartesiaConnection,
  call: Call,
  request: (client: CartesiaClient, options: CartesiaRequestOptions) => PromiseLike<unknown>,
): Promise<SdkAnswer> {
  const client = await call.race(connection.client())
  const pending = request(client, { signal: call.signal, maxRetries: 0, headers: connection.headers })
  const { data, facts } = await answerAndFacts(call, pending, 'withResponse')
  const headers = headersOf(facts.response)
  return { data, requestId: asRequestId(headers.get('x-request-id')), headers }
}
