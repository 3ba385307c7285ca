import type { CallContext } from '@farebox/core'
import { asRecord, asText } from '../adapter/answer.ts'
import { type Call, openCall } from '../adapter/call.ts'
import { answerAndFacts } from '../adapter/sdk-answer.ts'
import type { OpenaiClient, OpenaiConnection, OpenaiRequestOptions } from './openai-client.ts'

/** An answer of the SDK, and the id under which the provider logged it. */
export interface SdkAnswer {
  data: unknown
  requestId: string | undefined
}

/** Makes one request of the SDK within `call`: never retried, and ended by the call's signal. */
export async function send(
  connection: OpenaiConnection,
  call: OpenaiCall,
  request: (client: OpenaiClient, options: OpenaiRequestOptions) => PromiseLike<unknown>,
): Promise<SdkAnswer> {
  const client = await call.race(connection.client())
  const pending = request(client, { signal: call.signal, maxRetries: 0, headers: { ...connection.headers, ...call.headers } })
  const { data, facts } = await answerAndFacts(call, pending, 'withResponse')
  return { data, requestId: asText(facts.request_id) ?? asText(asRecord(data)?._request_id) }
}

/** A call, and the headers that are its own. */
export interface OpenaiCall extends Call {
  headers: Record<string, string>
}

/**
 * Opens a call for one method of the adapter, named in the provider's logs by its attempt.
 *
 * @source https://developers.openai.com/api/reference/overview ("Debugging requests": at most 512 ASCII characters, else a 400)
 */
export function openOpenaiCall(connection: OpenaiConnection, { signal, attemptId }: CallContext): OpenaiCall {
  const headers: Record<string, string> = /^[\x21-\x7e]{1,512}$/.test(attemptId) ? { 'X-Client-Request-Id': attemptId } : {}
  return { ...openCall(connection.name, signal), headers }
}
