import { ProviderError } from '@farebox/core'
import type { Call } from '../adapter/call.ts'
import { inPieces } from '../adapter/outflow.ts'
import type { HeardSound } from './heard-sound.ts'
import type { TranscriptSocket } from './transcript-socket.ts'

/** The most bytes to buffer before reading more audio: half a minute of telephone audio. */
const PENDING_MAX = 256 * 1024
const PAUSE_MS = 20

/**
 * Sends audio as it arrives, no faster than the network takes it, and signals its end.
 *
 * @throws {ProviderError} `aborted`: reading the caller's audio failed
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
  // The caller may have aborted before this listener existed.
  if (call.signal.aborted) stop()
  for (;;) {
    const step = await pieces.next().catch((cause: unknown) => {
      const message = `the sound for ${provider} failed before its end`
      throw new ProviderError(message, { provider, kind: 'aborted', usage: heard.usage(socket.pendingBytes()), cause })
    })
    if (call.signal.aborted) return
    if (step.done) break
    for (const piece of inPieces(step.value)) {
      if (!socket.hear(piece)) return
      heard.add(piece.length)
      while (socket.pendingBytes() > PENDING_MAX) {
        await new Promise((resolve) => setTimeout(resolve, PAUSE_MS))
        if (call.signal.aborted) return
      }
    }
  }
  call.signal.removeEventListener('abort', stop)
  heard.isWhole = true
  socket.finish()
}
