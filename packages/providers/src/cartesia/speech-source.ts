import type { Usage } from '@farebox/core'
import { bytesOfBase64 } from '../adapter/bytes.ts'
import type { Call } from '../adapter/call.ts'
import type { CartesiaConnection } from './cartesia-client.ts'

/** One speech on its way. */
export interface Speech {
  body: object
  attemptId: string
  /** What it costs at most. */
  ceiling: Usage
  /** Whether the provider has begun to speak, so that it may bill. The source says so. */
  hasBegun: boolean
  /** Whether a part of it was handed out. */
  isAnswering: boolean
  requestId: string | undefined
}

/** A way in which the sound of a speech comes. Ending without an error means that all of it came. */
export type SpeechSource = (
  connection: CartesiaConnection,
  call: Call,
  speech: Speech,
) => AsyncGenerator<Uint8Array, void, undefined>

/**
 * Reads an event of a speech, from a stream or a websocket.
 *
 * @returns the sound that it carries; `done` for the closing mark; `undefined` for what is neither
 * @throws what the provider said went wrong. Cartesia bills no errors, so nothing was consumed unless sound had come before
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
