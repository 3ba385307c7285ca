import type { LiveTranscribeRequest } from '@farebox/core'
import { meteredOptions } from './send.ts'

/**
 * The query of a live transcription. The audio format overrides `providerOptions`, because we compute the usage of a broken
 * stream from it. `providerOptions` cannot set the SDK's own connection settings, which could open a second connection.
 */
export function liveQuery({ model, format, language, providerOptions }: LiveTranscribeRequest): Record<string, unknown> {
  const options = Object.entries(meteredOptions(providerOptions)).filter(([name]) => !PINNED.has(name))
  return {
    smart_format: 'true',
    interim_results: 'true',
    ...Object.fromEntries(options.map(([name, value]) => [name, typeof value === 'boolean' ? String(value) : value])),
    ...(language === undefined ? {} : { language }),
    model,
    encoding: format.encoding === 'mulaw' ? 'mulaw' : 'linear16',
    sample_rate: format.sampleRate,
    channels: 1,
  }
}

const PINNED = new Set([
  'multichannel',
  'Authorization',
  'headers',
  'protocols',
  'debug',
  'reconnectAttempts',
  'connectionTimeoutInSeconds',
  'abortSignal',
  'shouldReconnect',
  'queryParams',
  'agent',
])
