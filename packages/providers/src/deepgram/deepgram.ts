import { type Clock, checkOptionNames, type Offer, type ProviderAdapter } from '@farebox/core'
import { boundedFetch } from '../adapter/bounded-fetch.ts'
import { checkAdapterOptions, givenAddress } from '../adapter/check-adapter-options.ts'
import { availabilityOf, connectSdk } from '../adapter/sdk-connection.ts'
import { type DeepgramClient, type DeepgramConnection, loadDeepgramClient } from './deepgram-client.ts'
import { type DeepgramModels, deepgramOffers } from './deepgram-offers.ts'
import { records } from './records.ts'
import { speak, streamSpeech } from './speak.ts'
import { streamTranscription } from './stream-transcription.ts'
import { transcribe } from './transcribe.ts'

/** How {@link deepgram} reaches the API, and what it sells. */
export interface DeepgramOptions {
  /** The secret key. Without it and without a `client`, the adapter is disabled. An empty string counts as absent. */
  apiKey?: string | undefined
  /** The API's base URL, for requests and live connections. @defaultValue `https://api.deepgram.com` */
  baseUrl?: string
  /** Your own SDK client. Its settings replace `apiKey`, `baseUrl` and `fetch`. */
  client?: DeepgramClient
  /** What the adapter sells. @defaultValue {@link deepgramOffers} of `models` */
  offers?: readonly Offer[]
  /** The models behind the provider `deepgram`. */
  models?: DeepgramModels
  /** The project whose records to read. @defaultValue the key's own, looked up when records are first read */
  projectId?: string
  /** The adapter's name. Two Deepgram adapters in one router need different names. @defaultValue `deepgram` */
  name?: string
  /** Sends requests. Live connections do not use it. @defaultValue the global `fetch` */
  fetch?: typeof globalThis.fetch
  /** The clock to read. @defaultValue the system clock */
  now?: Clock
}

const known: Record<keyof DeepgramOptions, true> = {
  apiKey: true,
  baseUrl: true,
  client: true,
  offers: true,
  models: true,
  projectId: true,
  name: true,
  fetch: true,
  now: true,
}

/**
 * Deepgram: speech to text, recorded and live, and text to speech.
 *
 * The adapter loads and sends nothing before the first call. It then imports the package `@deepgram/sdk` (^5.13), unless you pass
 * your own client. It turns the SDK's retries off, ignores its environment variables and never reopens a broken live connection.
 */
export function deepgram(options: DeepgramOptions): ProviderAdapter {
  checkOptionNames(options, known, 'deepgram()')
  checkAdapterOptions(options)
  checkOptionNames(options.models ?? {}, { transcribe: true, speak: true }, 'deepgram({ models })')
  const connection = connect(options)
  const { name } = connection
  return {
    name,
    isSimulated: false,
    get availability() {
      return connection.availability()
    },
    offers: options.offers ?? deepgramOffers(options.models ?? {}),
    transcribe: (request, context) => transcribe(connection, request, context),
    streamTranscription: (request, context) => streamTranscription(connection, request, context),
    speak: (request, context) => speak(connection, request, context),
    streamSpeech: (request, context) => streamSpeech(connection, request, context),
    records: (range, context) => records(connection, range, context, options.projectId),
  }
}

function connect(options: DeepgramOptions): DeepgramConnection {
  const { name = 'deepgram', client, now } = options
  const availability = availabilityOf({
    client,
    secrets: [options.apiKey],
    reason: 'no API key: set DEEPGRAM_API_KEY where the server is started, or pass deepgram({ apiKey })',
  })
  const load = () =>
    loadDeepgramClient({
      apiKey: options.apiKey?.trim() ?? '',
      baseUrl: givenAddress(options.baseUrl) ?? 'https://api.deepgram.com',
      fetch: boundedFetch(options.fetch),
    })
  const needs = '"@deepgram/sdk" (^5.13)'
  return connectSdk<DeepgramClient>({ name, availability, needs, client, now, load })
}
