import type { CallContext } from '@farebox/core'
import { type Call, openCall } from '../adapter/call.ts'
import { type SdkAnswer, sdkAnswer } from '../adapter/sdk-answer.ts'
import type { OpenaiConnection, OpenaiRequestOptions } from './openai-client.ts'

/** One request: how to get the client, and which of its methods to call. */
export interface OpenaiRequest<Client> {
  client(): Promise<Client>
  create(client: Client, options: OpenaiRequestOptions): PromiseLike<unknown>
}

/** Makes one request within `call`. It never retries, and the call's signal ends it. */
export async function send<Client>(
  connection: Pick<OpenaiConnection, 'headers'>,
  call: OpenaiCall,
  made: OpenaiRequest<Client>,
): Promise<SdkAnswer> {
  return sdkAnswer(call, (await request(connection, call, made)).pending)
}

/**
 * Makes one request without waiting for its answer. The SDK's promise is wrapped in an object so that `await` does not unwrap it.
 */
export async function request<Client>(
  connection: Pick<OpenaiConnection, 'headers'>,
  call: OpenaiCall,
  { client: load, create }: OpenaiRequest<Client>,
): Promise<{ pending: PromiseLike<unknown> }> {
  const client = await call.race(load())
  const headers = { ...connection.headers, ...call.headers }
  return { pending: create(client, { signal: call.signal, maxRetries: 0, headers }) }
}

/** A call with its own headers. */
export interface OpenaiCall extends Call {
  headers: Record<string, string>
}

/**
 * Opens a call, and names it in the provider's logs by its attempt id.
 *
 * @source https://developers.openai.com/api/reference/overview ("Debugging requests": at most 512 ASCII characters, else a 400)
 */
export function openOpenaiCall(connection: OpenaiConnection, { signal, attemptId }: CallContext): OpenaiCall {
  const headers: Record<string, string> = /^[\x21-\x7e]{1,512}$/.test(attemptId) ? { 'X-Client-Request-Id': attemptId } : {}
  return { ...openCall(connection.name, signal), headers }
}
