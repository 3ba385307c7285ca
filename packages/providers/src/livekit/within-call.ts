import { openCall } from '../adapter/call.ts'
import type { LivekitConnection, LivekitParts } from './livekit-client.ts'
import { livekitError } from './livekit-error.ts'

/** What a request may be given beside its content. */
export interface LivekitContext {
  /** Ends the wait for the answer. LiveKit may do what was asked all the same. */
  signal?: AbortSignal
}

/**
 * Makes one request, and fails as {@link livekitError} says. The SDK takes no signal, so the wait alone ends with it.
 *
 * @throws {ProviderError}
 */
export async function withinCall<T>(
  connection: LivekitConnection,
  { signal = new AbortController().signal }: LivekitContext,
  work: (parts: LivekitParts) => Promise<T>,
): Promise<T> {
  const call = openCall(connection.name, signal)
  try {
    const parts = await call.race(connection.client())
    return await call.race(work(parts))
  } catch (thrown) {
    throw livekitError(connection, thrown, { signal })
  } finally {
    call.end()
  }
}
