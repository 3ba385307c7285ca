import type { Clock, Offer, ProviderAdapter } from '@farebox/core'
import { availabilityOf, connectSdk } from '../adapter/sdk-connection.ts'
import { type DeepgramClient, type DeepgramConnection, loadDeepgramClient } from './deepgram-client.ts'
import { type DeepgramModels, deepgramOffers } from './deepgram-offers.ts'
import { records } from './records.ts'
import { speak, streamSpeech } from './speak.ts'
import { streamTranscription } from './stream-transcription.ts'
import { transcribe } from './transcribe.ts'

/** How Deepgram is reached, and what is asked of it. */
export interface DeepgramOptions {
  /** The secret key. Absent or empty, and without a `client`, the adapter is disabled. */
  apiKey?: string | undefined
  /** Where the API is, for requests and for live connections alike. @defaultValue `https://api.deepgram.com` */
  baseUrl?: string
  /** Your own client of the SDK instead of one made here; `apiKey`, `baseUrl` and `fetch` are then its own. */
  client?: DeepgramClient
  /** What is sold. @defaultValue {@link deepgramOffers} of `models` */
  offers?: readonly Offer[]
  /** The models behind `deepgram`. */
  models?: DeepgramModels
  /** The project whose records are read. @defaultValue the key's own, asked for when records are */
  projectId?: string
  /** The name of the adapter; give each its own when two stand side by side. @defaultValue `deepgram` */
  name?: string
  /** For requests; live connections do not go by it. @defaultValue the global `fetch` */
  fetch?: typeof globalThis.fetch
  /** Tells the time. @defaultValue the host's clock */
  now?: Clock
}

/**
 * Deepgram: speech to text, recorded and live, and text to speech.
 *
 * Nothing is loaded or sent before the first call: then the package `@deepgram/sdk` (^5.13) is imported, unless you pass a client of your
 * own. Neither retries nor the environment change what is sent, and a live connection that breaks is not opened again.
 */
export function deepgram(options: DeepgramOptions): ProviderAdapter {
  const connection = connect(options)
  const { name, availability } = connection
  return {
    name,
    isSimulated: false,
    availability,
    offers: options.offers ?? deepgramOffers(options.models),
    transcribe: (request, context) => transcribe(connection, request, context),
    streamTranscription: (request, context) => streamTranscription(connection, request, context),
    speak: (request, context) => speak(connection, request, context),
    streamSpeech: (request, context) => streamSpeech(connection, request, context),
    records: (range, context) => records(connection, range, context, options.projectId),
  }
}

function connect(options: DeepgramOptions): DeepgramConnection & Pick<ProviderAdapter, 'availability'> {
  const { name = 'deepgram', client, now } = options
  const availability = availabilityOf({
    client,
    secrets: [options.apiKey],
    reason: 'no API key: set DEEPGRAM_API_KEY where the server is started, or pass deepgram({ apiKey })',
  })
  const load = () =>
    loadDeepgramClient({
      apiKey: options.apiKey?.trim() ?? '',
      baseUrl: options.baseUrl ?? 'https://api.deepgram.com',
      fetch: options.fetch,
    })
  const needs = '"@deepgram/sdk" (^5.13)'
  return { ...connectSdk<DeepgramClient>({ name, availability, needs, client, now, load }), availability }
}
