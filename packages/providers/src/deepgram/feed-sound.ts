import type { Call } from '../adapter/call.ts'
import type { LiveSocket } from './live-socket.ts'

/** What may wait for a slow network: half a minute of telephone sound, or eight seconds of studio sound. */
const BUFFERED_BYTES_MAX = 256 * 1_024
const DRAIN_MS = 10

/**
 * How often it is looked whether there was sound. Deepgram ends a connection that was silent for ten seconds; twice this is less.
 *
 * @source https://developers.deepgram.com/docs/keep-alive
 */
const KEEP_ALIVE_MS = 4_000

/**
 * Sends sound as it comes, no faster than the network takes it, and says so when there is none for a while. Resolves at the sound's end,
 * when Deepgram was told of it, or when the connection has ended.
 *
 * @throws what reading the sound throws
 */
export async function feedSound(socket: LiveSocket, audio: AsyncIterable<Uint8Array>, call: Call): Promise<void> {
  const pieces = audio[Symbol.asyncIterator]()
  let isSilent = true
  const keepAlive = setInterval(() => {
    if (isSilent && socket.bufferedBytes() === 0) attempt(() => socket.keepAlive())
    isSilent = true
  }, KEEP_ALIVE_MS)
  // The next piece may never come: neither the timer nor the source of the sound waits for it.
  const stop = () => {
    clearInterval(keepAlive)
    pieces.return?.()?.catch(() => {})
  }
  call.signal.addEventListener('abort', stop, { once: true })
  // Its caller may have left before the sound was looked at.
  if (call.signal.aborted) stop()
  try {
    for (;;) {
      const { done, value } = await pieces.next()
      if (call.signal.aborted) return
      if (done) break
      // To Deepgram a piece of no length is the end.
      if (value.length === 0) continue
      isSilent = false
      if (!attempt(() => socket.sendSound(value))) return
      while (socket.bufferedBytes() > BUFFERED_BYTES_MAX) {
        await new Promise((resolve) => setTimeout(resolve, DRAIN_MS))
        if (call.signal.aborted) return
      }
    }
    attempt(() => socket.closeStream())
  } finally {
    clearInterval(keepAlive)
  }
}

/** Whether it could be sent. A connection that has ended takes nothing, and tells by itself that it has. */
function attempt(send: () => void): boolean {
  try {
    send()
    return true
  } catch {
    return false
  }
}
