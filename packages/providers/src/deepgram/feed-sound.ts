import type { Call } from '../adapter/call.ts'
import { inPieces } from '../adapter/outflow.ts'
import type { LiveSocket } from './live-socket.ts'

/** The most bytes to buffer for a slow network: half a minute of telephone audio, or eight seconds of 16 kHz audio. */
const BUFFERED_BYTES_MAX = 256 * 1_024
const DRAIN_MS = 10

/**
 * How often to check for silence. Deepgram ends a connection after ten seconds without audio, which is more than twice this.
 *
 * @source https://developers.deepgram.com/docs/keep-alive
 */
const KEEP_ALIVE_MS = 4_000

/**
 * Sends audio as it arrives, no faster than the network takes it, and keep-alives while there is none. Resolves when it has told
 * Deepgram of the audio's end, or when the connection has ended.
 *
 * @throws what reading the audio throws
 */
export async function feedSound(socket: LiveSocket, audio: AsyncIterable<Uint8Array>, call: Call): Promise<void> {
  const pieces = audio[Symbol.asyncIterator]()
  let isSilent = true
  const keepAlive = setInterval(() => {
    if (isSilent && socket.bufferedBytes() === 0) attempt(() => socket.keepAlive())
    isSilent = true
  }, KEEP_ALIVE_MS)
  // Stops the timer and the source at once, because the next piece may never arrive.
  const stop = () => {
    clearInterval(keepAlive)
    pieces.return?.()?.catch(() => {})
  }
  call.signal.addEventListener('abort', stop, { once: true })
  // The caller may have aborted before this listener existed.
  if (call.signal.aborted) stop()
  try {
    for (;;) {
      const { done, value } = await pieces.next()
      if (call.signal.aborted) return
      if (done) break
      // None of them is empty, which Deepgram takes for the end.
      for (const piece of inPieces(value)) {
        isSilent = false
        if (!attempt(() => socket.sendSound(piece))) return
        while (socket.bufferedBytes() > BUFFERED_BYTES_MAX) {
          await new Promise((resolve) => setTimeout(resolve, DRAIN_MS))
          if (call.signal.aborted) return
        }
      }
    }
    attempt(() => socket.closeStream())
  } finally {
    clearInterval(keepAlive)
  }
}

/** Sends, and returns whether that worked. It swallows the error of an ended connection, which reports its end elsewhere. */
function attempt(send: () => void): boolean {
  try {
    send()
    return true
  } catch {
    return false
  }
}
