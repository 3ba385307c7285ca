import { ProviderError, type SoundFormat } from '@farebox/core'
import { asRecord, asText } from '../adapter/answer.ts'
import { base64OfBytes, bytesOfBase64 } from '../adapter/bytes.ts'

/** The audio format of media streams, in both directions. */
export const mediaFormat: SoundFormat = { encoding: 'mulaw', sampleRate: 8_000 }

/**
 * A message from Twilio to your websocket server. `connected` and `start` come first, `stop` last. `mark` arrives once the audio
 * sent before the mark of that name has been played or cleared.
 *
 * @source https://www.twilio.com/docs/voice/media-streams/websocket-messages
 */
export type MediaMessage =
  | { type: 'connected' }
  | { type: 'start'; streamId: string; callId: string; tracks: readonly string[]; parameters: Readonly<Record<string, string>> }
  /** Audio in {@link mediaFormat}, usually 20 ms. `timestampMs` counts from the start of the stream. */
  | { type: 'media'; streamId: string; track: string; timestampMs: number; audio: Uint8Array }
  | { type: 'mark'; streamId: string; name: string }
  | { type: 'dtmf'; streamId: string; digit: string }
  | { type: 'stop'; streamId: string; callId: string }

/**
 * Reads a message of a media stream. `undefined` for an unknown type, which you should ignore.
 *
 * @throws {ProviderError} `malformed`: it is not a message of a media stream
 */
export function readMediaMessage(message: string): MediaMessage | undefined {
  const given = parse(message)
  const event = asText(given?.event)
  if (event === undefined) throw malformedMessage('it names no event')
  const part = asRecord(given?.[event]) ?? {}
  if (event === 'connected') return { type: 'connected' }
  const streamId = asText(given?.streamSid) ?? asText(part.streamSid)
  if (streamId === undefined) throw malformedMessage(`a message of type ${event.slice(0, 20)} names no stream`)
  switch (event) {
    case 'start':
      return {
        type: 'start',
        streamId,
        callId: need(part, 'callSid'),
        tracks: texts(part.tracks),
        parameters: named(part.customParameters),
      }
    case 'media':
      return {
        type: 'media',
        streamId,
        track: asText(part.track) ?? 'inbound',
        timestampMs: milliseconds(part.timestamp ?? 0),
        audio: sound(need(part, 'payload')),
      }
    case 'mark':
      return { type: 'mark', streamId, name: need(part, 'name') }
    case 'dtmf':
      return { type: 'dtmf', streamId, digit: need(part, 'digit') }
    case 'stop':
      return { type: 'stop', streamId, callId: need(part, 'callSid') }
    default:
      return undefined
  }
}

/** The message that plays audio in {@link mediaFormat} to the callee, after all audio sent before. */
export function mediaMessage(streamId: string, audio: Uint8Array): string {
  return JSON.stringify({ event: 'media', streamSid: streamId, media: { payload: base64OfBytes(audio) } })
}

/** The message that requests a `mark` of this name once all audio sent before has been played. */
export function markMessage(streamId: string, name: string): string {
  return JSON.stringify({ event: 'mark', streamSid: streamId, mark: { name } })
}

/** The message that discards audio not yet played, for when the callee begins to speak. */
export function clearMessage(streamId: string): string {
  return JSON.stringify({ event: 'clear', streamSid: streamId })
}

function parse(message: string): Record<string, unknown> | undefined {
  try {
    return asRecord(JSON.parse(message))
  } catch {
    throw malformedMessage('it is not JSON')
  }
}

function need(part: Record<string, unknown>, field: string): string {
  const value = asText(part[field])
  if (value === undefined) throw malformedMessage(`it lacks ${field}`)
  return value
}

function sound(payload: string): Uint8Array {
  try {
    return bytesOfBase64(payload)
  } catch {
    throw malformedMessage('its sound is not base64')
  }
}

function milliseconds(value: unknown): number {
  const given = Number(value)
  if (!(given >= 0 && given < Number.POSITIVE_INFINITY)) throw malformedMessage('its timestamp is not in milliseconds')
  return given
}

function texts(value: unknown): string[] {
  return Array.isArray(value) ? value.filter((item) => typeof item === 'string') : []
}

function named(value: unknown): Record<string, string> {
  return Object.fromEntries(Object.entries(asRecord(value) ?? {}).map(([name, given]) => [name, String(given)]))
}

function malformedMessage(reason: string): ProviderError {
  return new ProviderError(`this is no message of a media stream: ${reason}`, { provider: 'twilio', kind: 'malformed' })
}
