import { openCall } from '../adapter/call.ts'
import type { LivekitConnection, LivekitParts } from './livekit-client.ts'
import { livekitError } from './livekit-error.ts'

/** Options of a request to LiveKit. */
export interface LivekitContext {
  /** Ends the wait for the answer. LiveKit may still carry out the request. */
  signal?: AbortSignal
}

/**
 * Makes one request, and throws errors of {@link livekitError}. The SDK takes no signal, so the signal ends only the wait.
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
