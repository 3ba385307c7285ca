import type { CallContext } from '@farebox/core'
import { type Call, openCall } from '../adapter/call.ts'
import { type SdkAnswer, sdkAnswer } from '../adapter/sdk-answer.ts'
import type { OpenaiConnection, OpenaiRequestOptions } from './openai-client.ts'

/** One request: of what, and how it is made there. */
export interface OpenaiRequest<Client> {
  client(): Promise<Client>
  create(client: Client, options: OpenaiRequestOptions): PromiseLike<unknown>
}

/** Makes one request within `call`: never retried, and ended by the call's signal. */
export async function send<Client>(
  connection: Pick<OpenaiConnection, 'headers'>,
  call: OpenaiCall,
  made: OpenaiRequest<Client>,
): Promise<SdkAnswer> {
  return sdkAnswer(call, (await request(connection, call, made)).pending)
}

/** The same, without waiting for the answer: what the SDK returned, wrapped because it is a promise itself. */
export async function request<Client>(
  connection: Pick<OpenaiConnection, 'headers'>,
  call: OpenaiCall,
  { client: load, create }: OpenaiRequest<Client>,
): Promise<{ pending: PromiseLike<unknown> }> {
  const client = await call.race(load())
  const headers = { ...connection.headers, ...call.headers }
  return { pending: create(client, { signal: call.signal, maxRetries: 0, headers }) }
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
