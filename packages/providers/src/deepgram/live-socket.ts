import { asRecord } from '../adapter/answer.ts'
import type { Call } from '../adapter/call.ts'
import { type EventQueue, eventQueue } from '../adapter/event-queue.ts'
import { type DeepgramClient, TIMEOUT_SECONDS } from './deepgram-client.ts'

/** A live connection that is open. */
export interface LiveSocket {
  /** What Deepgram says, until the connection ends and they fail with {@link ConnectionEnded}. */
  readonly messages: EventQueue<unknown>
  /** Bytes of sound that were handed to {@link sendSound}. */
  readonly bytesTaken: number
  /** Bytes that wait for the network. */
  bufferedBytes(): number
  sendSound(piece: Uint8Array): void
  /** Says that the stream goes on though there is no sound. */
  keepAlive(): void
  /** Says that there is no more sound: what was heard is transcribed, and Deepgram ends the connection. */
  closeStream(): void
  /** Ends the connection now, whatever waits for the network. */
  close(): void
}

/** The connection ended; `reason` is why, as Deepgram names it: `NET-0001`. */
export class ConnectionEnded extends Error {
  readonly reason: string | undefined
  constructor(reason?: string) {
    super('the connection ended')
    this.reason = reason
  }
}

/**
 * Opens a live connection within `call`, once: the SDK would open another by itself when one breaks, up to 30 times, and each is billed.
 *
 * @throws what the SDK throws when the connection is refused
 */
export async function openLiveSocket(client: DeepgramClient, call: Call, query: object): Promise<LiveSocket> {
  const socket = await call.race(
    client.listen.v1.connect({
      ...query,
      reconnectAttempts: 0,
      shouldReconnect: () => false,
      connectionTimeoutInSeconds: TIMEOUT_SECONDS,
      abortSignal: call.signal,
    }),
  )
  const messages = eventQueue<unknown>()
  let bytesTaken = 0
  // Before anything can fail. An error and a close may both come, and twice; of a transport of the host's own, an error alone.
  socket.on('error', () => messages.fail(new ConnectionEnded()))
  socket.on('close', ({ reason }) => messages.fail(new ConnectionEnded(reason)))
  socket.on('message', (message) => messages.push(message))
  socket.connect()
  const wire = await call.race(socket.waitForOpen())
  return {
    messages,
    get bytesTaken() {
      return bytesTaken
    },
    bufferedBytes: () => bufferedBytes(wire),
    sendSound(piece) {
      socket.sendMedia(piece)
      bytesTaken += piece.length
    },
    keepAlive: () => socket.sendKeepAlive({ type: 'KeepAlive' }),
    closeStream: () => socket.sendCloseStream({ type: 'CloseStream' }),
    close() {
      const isStuck = bufferedBytes(wire) > 0
      socket.close()
      hangUp(wire, isStuck)
    },
  }
}

function bufferedBytes(wire: unknown): number {
  return Number(asRecord(wire)?.bufferedAmount ?? 0)
}

const CLOSED = 3
const GOODBYE_MS = 1_000

/**
 * Sees to it that a connection of the package `ws`, which the SDK keeps to itself, ends. One that is stuck is cut at once: its goodbye
 * would wait behind the sound in the buffer, and with it the end of the bill. So is one whose goodbye nobody answers, for which `ws` would
 * wait half a minute, and keep the process up. Any other kind of connection is left to end as it can.
 */
function hangUp(wire: unknown, isStuck: boolean): void {
  const inner = asRecord(wire)?._ws as Partial<Pick<WebSocket, 'addEventListener' | 'readyState'>> & { terminate?(): void }
  if (typeof inner?.terminate !== 'function' || inner.readyState === CLOSED) return
  const cut = () => inner.terminate?.()
  const timer = setTimeout(cut, isStuck ? 0 : GOODBYE_MS)
  inner.addEventListener?.('close', () => clearTimeout(timer))
}
