import type { Call } from '../adapter/call.ts'
import { type SdkAnswer, sdkAnswer } from '../adapter/sdk-answer.ts'
import { SDK_TIMEOUT_MS } from '../adapter/sdk-timeout.ts'
import type { AnthropicConnection } from './anthropic-client.ts'

/** Makes one request within `call`. It never retries, and only the call's signal ends it. */
export async function send(connection: AnthropicConnection, call: Call, body: object): Promise<SdkAnswer> {
  const client = await call.race(connection.client())
  return sdkAnswer(call, client.messages.create(body, { signal: call.signal, maxRetries: 0, timeout: SDK_TIMEOUT_MS }))
}
