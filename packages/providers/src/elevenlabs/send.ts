import type { Call } from '../adapter/call.ts'
import { answerAndFacts, headersOf } from '../adapter/sdk-answer.ts'
import type { ElevenlabsClient, ElevenlabsConnection, ElevenlabsRequestOptions } from './elevenlabs-client.ts'

/** An SDK's answer and its headers, which report the usage. */
export interface SdkAnswer {
  data: unknown
  headers: Pick<Headers, 'get'>
}

/** Makes one request within `call`. It never retries, and the call's signal ends it. */
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
