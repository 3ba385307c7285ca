import type { LiveTranscribeRequest } from '@farebox/core'
import { meteredOptions } from './send.ts'

/**
 * What a live transcription is asked for with. How the sound is coded wins over `providerOptions`, because what a broken stream used is
 * counted by it; so do the SDK's own settings of the connection, which are not Deepgram's and could open it twice.
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
