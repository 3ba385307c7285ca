import type { Call } from '../adapter/call.ts'
import { answerAndFacts, headersOf } from '../adapter/sdk-answer.ts'
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
  const { data, facts } = await answerAndFacts(call, pending, 'withRawResponse')
  return { data, headers: headersOf(facts.rawResponse) }
}
