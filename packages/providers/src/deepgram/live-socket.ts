import { asRecord } from '../adapter/answer.ts'
import type { Call } from '../adapter/call.ts'
import { type EventQueue, eventQueue } from '../adapter/event-queue.ts'
import { Outflow } from '../adapter/outflow.ts'
import { type DeepgramClient, TIMEOUT_SECONDS } from './deepgram-client.ts'

/** An open live connection. */
export interface LiveSocket {
  /** Deepgram's messages. After the connection's end, reading throws {@link ConnectionEnded}, or why it takes no more sound. */
  readonly messages: EventQueue<unknown>
  /** The bytes of audio passed to {@link sendSound}. */
  readonly bytesTaken: number
  /** The bytes that still wait for the network, or did when the connection broke. */
  bufferedBytes(): number
  sendSound(piece: Uint8Array): void
  /** Keeps the connection open while there is no audio. */
  keepAlive(): void
  /** Signals the end of the audio. Deepgram transcribes the rest and ends the connection. */
  closeStream(): void
  /** Ends the connection now, without waiting for buffered bytes. */
  close(): void
}

/** The connection ended. `reason` is Deepgram's code for the cause: `NET-0001`. */
export class ConnectionEnded extends Error {
  readonly reason: string | undefined
  constructor(reason?: string) {
    super('the connection ended')
    this.reason = reason
  }
}

/**
 * Opens one live connection within `call`. The SDK alone would reopen a broken one up to 30 times, and Deepgram bills each.
 *
 * @throws the SDK's error when Deepgram refuses the connection
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
  // Attached before anything can fail. An error and a close may both arrive, even twice. A host transport may only send an error.
  socket.on('error', () => messages.fail(new ConnectionEnded()))
  socket.on('close', ({ reason }) => messages.fail(new ConnectionEnded(reason)))
  socket.on('message', (message) => messages.push(message))
  socket.connect()
  const wire = await call.race(socket.waitForOpen())
  let waiting = 0
  // A connection that has broken no longer tells what waited to leave over it.
  const buffered = () => {
    if (isOpen(wire)) waiting = bufferedBytes(wire)
    return waiting
  }
  const outflow = new Outflow(buffered, messages.fail)
  return {
    messages,
    get bytesTaken() {
      return bytesTaken
    },
    bufferedBytes: buffered,
    sendSound(piece) {
      outflow.send(() => socket.sendMedia(piece))
      bytesTaken += piece.length
    },
    keepAlive: () => socket.sendKeepAlive({ type: 'KeepAlive' }),
    closeStream: () => socket.sendCloseStream({ type: 'CloseStream' }),
    close() {
      outflow.stop()
      const isStuck = bufferedBytes(wire) > 0
      socket.close()
      hangUp(wire, isStuck)
    },
  }
}

function bufferedBytes(wire: unknown): number {
  return Number(asRecord(wire)?.bufferedAmount ?? 0)
}

/** A host's own transport may not tell. */
function isOpen(wire: unknown): boolean {
  return (asRecord(wire)?.readyState ?? OPEN) === OPEN
}

const OPEN = 1
const CLOSED = 3
const GOODBYE_MS = 1_000

/**
 * Makes sure that a websocket of the package `ws`, which the SDK hides, ends. It drops a stuck one at once, whose close frame
 * would wait behind the buffered audio while Deepgram keeps billing. It drops another after a second without a reply, for which
 * `ws` would wait half a minute and keep the process alive. It leaves other kinds of websocket alone.
 */
function hangUp(wire: unknown, isStuck: boolean): void {
  const inner = asRecord(wire)?._ws as Partial<Pick<WebSocket, 'addEventListener' | 'readyState'>> & { terminate?(): void }
  if (typeof inner?.terminate !== 'function' || inner.readyState === CLOSED) return
  const cut = () => inner.terminate?.()
  const timer = setTimeout(cut, isStuck ? 0 : GOODBYE_MS)
  inner.addEventListener?.('close', () => clearTimeout(timer))
}
