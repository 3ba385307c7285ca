import { type AudioFormat, ProviderError, type SpeakRequest } from '@farebox/core'
import { asRecord } from '../adapter/answer.ts'

/** What a speech is asked for with, beside its request. */
export interface SpeechDefaults {
  voice: string
  /** How raw sound is streamed. */
  transport: 'sse' | 'websocket'
}

/**
 * The body of a speech. Of `providerOptions.output_format` the rates and the encoding are taken, but not for a telephone; the container is the
 * request's.
 *
 * @throws {ProviderError} `unsupported`: Cartesia does not make this format
 */
export function speechBody(provider: string, request: SpeakRequest, { voice }: Pick<SpeechDefaults, 'voice'>): object {
  const format = OUTPUT_FORMATS.get(request.format)
  if (!format) {
    const message = `${provider} does not speak in ${request.format}`
    throw new ProviderError(message, { provider, kind: 'unsupported', providerParameter: 'format' })
  }
  return {
    ...request.providerOptions,
    model_id: request.model,
    transcript: request.text,
    voice: request.voice ?? voice,
    // A telephone plays one coding at one rate.
    output_format:
      request.format === 'mulaw'
        ? format
        : { ...format, ...asRecord(request.providerOptions?.output_format), container: format.container },
  }
}

/** 24,000 samples per second, as other providers speak, unless it is for a telephone. */
const OUTPUT_FORMATS: ReadonlyMap<AudioFormat, Record<string, unknown>> = new Map([
  ['mp3', { container: 'mp3', sample_rate: 44_100, bit_rate: 128_000 }],
  ['wav', { container: 'wav', encoding: 'pcm_s16le', sample_rate: 24_000 }],
  ['pcm', { container: 'raw', encoding: 'pcm_s16le', sample_rate: 24_000 }],
  ['mulaw', { container: 'raw', encoding: 'pcm_mulaw', sample_rate: 8_000 }],
])

/** Names a speech in the provider's logs by its attempt. @returns `undefined` for what a context cannot be called */
export function contextId(attemptId: string): string | undefined {
  return /^[\w.:-]{1,128}$/.test(attemptId) ? attemptId : undefined
}
