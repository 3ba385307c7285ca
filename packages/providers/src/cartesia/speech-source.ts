import type { Usage } from '@farebox/core'
import { bytesOfBase64 } from '../adapter/bytes.ts'
import type { Call } from '../adapter/call.ts'
import type { CartesiaConnection } from './cartesia-client.ts'

/** One speech in progress. */
export interface Speech {
  body: object
  attemptId: string
  /** The most that it can use. */
  ceiling: Usage
  /** Whether the provider has begun to speak and may bill. The source sets it. */
  hasBegun: boolean
  /** Whether the caller has received a part of it. */
  isAnswering: boolean
  requestId: string | undefined
}

/** Streams the audio of a speech over one transport. If it ends without an error, the speech is complete. */
export type SpeechSource = (
  connection: CartesiaConnection,
  call: Call,
  speech: Speech,
) => AsyncGenerator<Uint8Array, void, undefined>

/**
 * Reads an event of a speech, from a stream or a websocket.
 *
 * @returns the event's audio, `done` for the closing mark, or `undefined` for any other event
 * @throws the provider's error event. Cartesia does not bill errors, so the usage is none unless audio came before
 * @source https://docs.cartesia.ai/pricing
 */
export function readSpeechEvent(event: Readonly<Record<string, unknown>>, speech: Speech): Uint8Array | 'done' | undefined {
  switch (event.type) {
    case 'chunk':
      return typeof event.data === 'string' && event.data !== '' ? bytesOfBase64(event.data) : undefined
    case 'done':
      return 'done'
    case 'error':
      speech.hasBegun = speech.isAnswering
      throw event
    default:
      return undefined
  }
}
