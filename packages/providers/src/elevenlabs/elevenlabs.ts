import { type Availability, type Clock, checkOptionNames, type Offer, type ProviderAdapter } from '@farebox/core'
import { boundedFetch } from '../adapter/bounded-fetch.ts'
import { checkAdapterOptions, givenAddress } from '../adapter/check-adapter-options.ts'
import { availabilityOf, connectSdk } from '../adapter/sdk-connection.ts'
import { type ElevenlabsClient, type ElevenlabsConnection, loadElevenlabsClient } from './elevenlabs-client.ts'
import { ELEVENLABS_VOICE, type ElevenlabsModels, elevenlabsOffers } from './elevenlabs-offers.ts'
import { speak, streamSpeech } from './speak.ts'
import { transcribe } from './transcribe.ts'

/** How {@link elevenlabs} reaches the API, and what it sells and requests. */
export interface ElevenlabsOptions {
  /** The secret key. Without it and without a `client`, the adapter is disabled. An empty string counts as absent. */
  apiKey?: string | undefined
  /** The API's base URL. @defaultValue `https://api.elevenlabs.io` */
  baseUrl?: string
  /** Your own SDK client. Its settings replace `apiKey`, `baseUrl` and `fetch`. */
  client?: ElevenlabsClient
  /** What the adapter sells. @defaultValue {@link elevenlabsOffers} of `models` */
  offers?: readonly Offer[]
  /** The models behind the provider `elevenlabs`. */
  models?: ElevenlabsModels
  /** The id of the voice for requests that name none. @defaultValue the voice of ElevenLabs' introduction */
  voice?: string
  /** The adapter's name. Two ElevenLabs adapters in one router need different names. @defaultValue `elevenlabs` */
  name?: string
  /** @defaultValue the global `fetch` */
  fetch?: typeof globalThis.fetch
  /** The clock to read. @defaultValue the system clock */
  now?: Clock
}

const known: Record<keyof ElevenlabsOptions, true> = {
  apiKey: true,
  baseUrl: true,
  client: true,
  offers: true,
  models: true,
  voice: true,
  name: true,
  fetch: true,
  now: true,
}

/**
 * ElevenLabs: text to speech, whole and streamed, and speech to text.
 *
 * The adapter loads and sends nothing before the first call. It then imports the package `@elevenlabs/elevenlabs-js` (^2.73),
 * which takes several seconds. To avoid that delay, make a client at startup and pass it. The adapter turns the SDK's retries off
 * and ignores its environment variables.
 */
export function elevenlabs(options: ElevenlabsOptions): ProviderAdapter {
  checkOptionNames(options, known, 'elevenlabs()')
  checkAdapterOptions(options)
  checkOptionNames(options.models ?? {}, { transcribe: true, speak: true }, 'elevenlabs({ models })')
  const name = options.name ?? 'elevenlabs'
  const defaults = { voice: options.voice ?? ELEVENLABS_VOICE }
  const availability = availabilityOf({
    client: options.client,
    secrets: [options.apiKey],
    reason: 'no API key: set ELEVENLABS_API_KEY where the server is started, or pass elevenlabs({ apiKey })',
  })
  const connection = connect(name, options, availability)
  return {
    name,
    isSimulated: false,
    get availability() {
      return connection.availability()
    },
    offers: options.offers ?? elevenlabsOffers(options.models ?? {}),
    speak: (request, context) => speak(connection, request, context, defaults),
    streamSpeech: (request, context) => streamSpeech(connection, request, context, defaults),
    transcribe: (request, context) => transcribe(connection, request, context),
  }
}

function connect(name: string, options: ElevenlabsOptions, availability: Availability): ElevenlabsConnection {
  const settings = {
    apiKey: options.apiKey?.trim() ?? '',
    baseUrl: givenAddress(options.baseUrl) ?? 'https://api.elevenlabs.io',
    fetch: boundedFetch(options.fetch),
  }
  const { client, now } = options
  const needs = '"@elevenlabs/elevenlabs-js" (^2.73)'
  return connectSdk<ElevenlabsClient>({ name, availability, needs, client, now, load: () => loadElevenlabsClient(settings) })
}
