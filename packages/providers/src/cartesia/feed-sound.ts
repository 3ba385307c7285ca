import { ProviderError } from '@farebox/core'
import type { Call } from '../adapter/call.ts'
import type { HeardSound } from './heard-sound.ts'
import type { TranscriptSocket } from './transcript-socket.ts'

/** Bytes that may wait on this machine before more sound is read: half a minute of a telephone. */
const PENDING_MAX = 256 * 1024
const PAUSE_MS = 20

/**
 * Sends sound as it comes, not faster than the network takes it, and says at its end that this is all.
 *
 * @throws {ProviderError} `aborted`: the sound itself failed, which is the caller's and not the provider's
 */
export async function feedSound(
  provider: string,
  sound: AsyncIterable<Uint8Array>,
  socket: TranscriptSocket,
  heard: HeardSound,
  call: Call,
): Promise<void> {
  const pieces = sound[Symbol.asyncIterator]()
  const stop = () => void pieces.return?.().catch(() => {})
  call.signal.addEventListener('abort', stop)
  // Its caller may have left before the sound was looked at.
  if (call.signal.aborted) stop()
  for (;;) {
    const step = await pieces.next().catch((cause: unknown) => {
      const message = `the sound for ${provider} failed before its end`
      throw new ProviderError(message, { provider, kind: 'aborted', usage: heard.usage(), cause })
    })
    if (call.signal.aborted) return
    if (step.done) break
    if (!socket.hear(step.value)) return
    heard.add(step.value.length)
    while (socket.pendingBytes() > PENDING_MAX && !call.signal.aborted) {
      await new Promise((resolve) => setTimeout(resolve, PAUSE_MS))
    }
  }
  call.signal.removeEventListener('abort', stop)
  heard.isWhole = true
  socket.finish()
}
