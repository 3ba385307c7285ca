import { ProviderError, type RealtimeRequest, type SoundFormat } from '@farebox/core'
import type { RealtimeAudioFormats, SessionUpdateEvent } from 'openai/resources/realtime/realtime'
import { asRecord } from '../adapter/answer.ts'

/**
 * The event that configures a session for a conversation. Our own fields override `providerOptions`, which has the shape of
 * OpenAI's session: `{ audio: { input: { turn_detection, transcription } }, reasoning }`. OpenAI transcribes the user's speech
 * only if `providerOptions` request a `transcription`, because it bills that on top.
 *
 * @throws {ProviderError} `unsupported`: OpenAI does not support one of the audio formats
 */
export function sessionUpdate(provider: string, request: RealtimeRequest): SessionUpdateEvent {
  const audio = asRecord(request.providerOptions?.audio)
  return {
    type: 'session.update',
    session: {
      ...request.providerOptions,
      type: 'realtime',
      ...(request.instructions === undefined ? {} : { instructions: request.instructions }),
      ...(request.outputTokensMax === undefined ? {} : { max_output_tokens: request.outputTokensMax }),
      ...(request.tools === undefined
        ? {}
        : { tools: request.tools.map(({ strict: _, ...tool }) => ({ type: 'function' as const, ...tool })) }),
      audio: {
        input: { ...asRecord(audio?.input), format: audioFormat(provider, request.inputFormat) },
        output: {
          ...asRecord(audio?.output),
          format: audioFormat(provider, request.outputFormat),
          ...(request.voice === undefined ? {} : { voice: request.voice }),
        },
      },
    },
  }
}

function audioFormat(provider: string, { encoding, sampleRate }: SoundFormat): RealtimeAudioFormats {
  if (encoding === 'pcm_s16le' && sampleRate === 24_000) return { type: 'audio/pcm', rate: 24_000 }
  if (encoding === 'mulaw' && sampleRate === 8_000) return { type: 'audio/pcmu' }
  const message = `${provider} converses in pcm_s16le at 24000 samples per second or mulaw at 8000, not in ${encoding} at ${sampleRate}`
  throw new ProviderError(message, { provider, kind: 'unsupported' })
}
