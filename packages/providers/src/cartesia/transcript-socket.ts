import type { ManualFinalizeWS } from '@cartesia/cartesia-js/resources/stt/manual-finalize/ws'
import type { WebSocket } from 'ws'
import { asRecord } from '../adapter/answer.ts'
import { type EventQueue, eventQueue } from '../adapter/event-queue.ts'
import { Outflow } from '../adapter/outflow.ts'
import { closeSocket, cutSocket } from '../adapter/socket-end.ts'
import { socketFailure } from './cartesia-error.ts'
import { containThrows } from './contain-throws.ts'

/** The websocket of a live transcription. */
export interface TranscriptSocket {
  /** The provider's events, plus our own `open` and `closed`. A failure, also to take sound, comes after all earlier events. */
  readonly events: EventQueue<Record<string, unknown>>
  /** Sends audio. @returns `false` if the connection has ended, which `events` also reports */
  hear(sound: Uint8Array): boolean
  /** The sent bytes that have not left this machine. */
  pendingBytes(): number
  /** Signals the end of the audio, and requests the remaining transcripts. */
  finish(): void
  /** Closes the connection after the last event. */
  close(): void
  /** Drops the connection at once. */
  cut(): void
}

/**
 * Attaches to an SDK's websocket, which the caller must have just made, without reconnection: a second connection would cost
 * money and not know the audio of the first.
 */
export function transcriptSocket(emitter: ManualFinalizeWS): TranscriptSocket {
  const events = eventQueue<Record<string, unknown>>()
  // Attached at once, because without a listener the SDK turns a refused handshake into an unhandled rejection.
  emitter.on('error', (error) => events.fail(socketFailure(error)))
  emitter.on('event', (event) => events.push(asRecord(event) ?? {}))
  emitter.on('close', (code) => events.push({ type: 'closed', code }))
  emitter.socket.on('open', () => events.push({ type: 'open' }))
  // Always a `ws` socket, because `loadSocketClasses` requires `ws`.
  const platformSocket = emitter.socket.platformSocket as WebSocket
  containThrows(platformSocket, events.fail)
  const outflow = new Outflow(() => platformSocket.bufferedAmount, events.fail)
  // A connection that has broken no longer tells what waited to leave over it.
  let unsentBytes = 0
  return {
    events,
    hear: (sound) => {
      if (platformSocket.readyState !== platformSocket.OPEN) return false
      unsentBytes += sound.length
      const hasLeft = (error?: Error) => {
        if (!error) unsentBytes -= sound.length
      }
      outflow.send(() => platformSocket.send(sound, hasLeft))
      return true
    },
    pendingBytes: () => (platformSocket.readyState === platformSocket.OPEN ? platformSocket.bufferedAmount : unsentBytes),
    finish: () => {
      if (platformSocket.readyState === platformSocket.OPEN) emitter.send('close')
    },
    close: () => {
      outflow.stop()
      closeSocket(platformSocket)
    },
    cut: () => {
      outflow.stop()
      cutSocket(platformSocket)
    },
  }
}
