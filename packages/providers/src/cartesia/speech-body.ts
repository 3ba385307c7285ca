import { type AudioFormat, ProviderError, type SpeakRequest } from '@farebox/core'
import { asRecord } from '../adapter/answer.ts'

/** Defaults for what a request leaves open. */
export interface SpeechDefaults {
  voice: string
  /** How to stream raw audio. */
  transport: 'sse' | 'websocket'
}

/**
 * The body of a speech. `providerOptions.output_format` may set rates and encoding, except for `mulaw`. The container always
 * follows the request's format.
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

/** `wav` and `pcm` have 24,000 samples per second, like those of other providers. A telephone plays only one encoding at one rate. */
const OUTPUT_FORMATS: ReadonlyMap<AudioFormat, Record<string, unknown>> = new Map([
  ['mp3', { container: 'mp3', sample_rate: 44_100, bit_rate: 128_000 }],
  ['wav', { container: 'wav', encoding: 'pcm_s16le', sample_rate: 24_000 }],
  ['pcm', { container: 'raw', encoding: 'pcm_s16le', sample_rate: 24_000 }],
  ['mulaw', { container: 'raw', encoding: 'pcm_mulaw', sample_rate: 8_000 }],
])

/**
 * The context id that names a speech in the provider's logs by its attempt.
 *
 * @returns `undefined` if the attempt id is not a valid one
 */
export function contextId(attemptId: string): string | undefined {
  return /^[\w.:-]{1,128}$/.test(attemptId) ? attemptId : undefined
}
