import type { CallContext } from '@farebox/core'
import type { Call } from '../adapter/call.ts'
import type { TwilioClient, TwilioConnection } from './twilio-client.ts'
import { twilioError } from './twilio-error.ts'
import type { TwilioExchange } from './twilio-http.ts'

/** Makes one idempotent request, which is safe to retry after a failure. */
export async function ask(
  connection: TwilioConnection,
  call: Call,
  { signal }: CallContext,
  request: (client: TwilioClient) => PromiseLike<unknown>,
): Promise<unknown> {
  const exchange: TwilioExchange = { signal: call.signal, wasSent: false }
  try {
    const client = await call.race(connection.client())
    return await call.race(connection.http.run(exchange, () => request(client)))
  } catch (thrown) {
    throw twilioError(connection, thrown, { signal, exchange })
  }
}
