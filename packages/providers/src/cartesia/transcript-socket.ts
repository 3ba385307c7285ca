import type { ManualFinalizeWS } from '@cartesia/cartesia-js/resources/stt/manual-finalize/ws'
import type { WebSocket } from 'ws'
import { asRecord } from '../adapter/answer.ts'
import { type EventQueue, eventQueue } from '../adapter/event-queue.ts'
import { closeSocket, cutSocket } from '../adapter/socket-end.ts'
import { socketFailure } from './cartesia-error.ts'
import { containThrows } from './contain-throws.ts'

/** A websocket that hears and tells. */
export interface TranscriptSocket {
  /** What it tells, and of itself `open` and `closed`. A failure comes after what was told before it. */
  readonly events: EventQueue<Record<string, unknown>>
  /** Sends sound. @returns whether it was taken: a connection that has ended takes none, and tells by itself that it has */
  hear(sound: Uint8Array): boolean
  /** Bytes that were sent and have not left this machine. */
  pendingBytes(): number
  /** Asks for what is still to be told, and for the end. */
  finish(): void
  /** Ends it when all was told. */
  close(): void
  /** Ends it whatever was told. */
  cut(): void
}

/**
 * Listens to a websocket of the SDK, which must have been made in this moment. It was given no way to reconnect: a second connection
 * would be billed, and would not know what was said.
 */
export function transcriptSocket(emitter: ManualFinalizeWS): TranscriptSocket {
  const events = eventQueue<Record<string, unknown>>()
  // At once: without a listener the SDK turns a refused handshake into an unhandled rejection.
  emitter.on('error', (error) => events.fail(socketFailure(error)))
  emitter.on('event', (event) => events.push(asRecord(event) ?? {}))
  emitter.on('close', (code) => events.push({ type: 'closed', code }))
  emitter.socket.on('open', () => events.push({ type: 'open' }))
  // No other kind is made: the SDK's classes are loaded with `ws`.
  const platformSocket = emitter.socket.platformSocket as WebSocket
  containThrows(platformSocket, events.fail)
  return {
    events,
    hear: (sound) => {
      if (platformSocket.readyState !== platformSocket.OPEN) return false
      emitter.sendRaw(sound)
      return true
    },
    pendingBytes: () => platformSocket.bufferedAmount,
    finish: () => {
      if (platformSocket.readyState === platformSocket.OPEN) emitter.send('close')
    },
    close: () => closeSocket(platformSocket),
    cut: () => cutSocket(platformSocket),
  }
}
