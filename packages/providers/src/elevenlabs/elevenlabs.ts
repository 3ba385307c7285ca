import type { Availability, Clock, Offer, ProviderAdapter } from '@farebox/core'
import { availabilityOf, connectSdk } from '../adapter/sdk-connection.ts'
import { type ElevenlabsClient, type ElevenlabsConnection, loadElevenlabsClient } from './elevenlabs-client.ts'
import { ELEVENLABS_VOICE, type ElevenlabsModels, elevenlabsOffers } from './elevenlabs-offers.ts'
import { speak, streamSpeech } from './speak.ts'
import { transcribe } from './transcribe.ts'

/** How ElevenLabs is reached, and what is asked of it. */
export interface ElevenlabsOptions {
  /** The secret key. Absent or empty, and without a `client`, the adapter is disabled. */
  apiKey?: string | undefined
  /** Where the API is. @defaultValue `https://api.elevenlabs.io` */
  baseUrl?: string
  /** Your own client of the SDK instead of one made here; `apiKey`, `baseUrl` and `fetch` are then its own. */
  client?: ElevenlabsClient
  /** What is sold. @defaultValue {@link elevenlabsOffers} of `models` */
  offers?: readonly Offer[]
  /** The models behind the name `elevenlabs`. */
  models?: ElevenlabsModels
  /** The id of the voice that speaks when a request names none. @defaultValue the one of ElevenLabs' introduction */
  voice?: string
  /** The name of the adapter; give each its own when two stand side by side. @defaultValue `elevenlabs` */
  name?: string
  /** @defaultValue the global `fetch` */
  fetch?: typeof globalThis.fetch
  /** Tells the time. @defaultValue the host's clock */
  now?: Clock
}

/**
 * ElevenLabs: text to speech, whole and streamed, and speech to text.
 *
 * Nothing is loaded or sent before the first call: then the package `@elevenlabs/elevenlabs-js` (^2.73) is imported, unless you pass a
 * client of your own. That takes it some seconds; a host that minds makes the client when it starts. Neither retries nor the
 * environment change what is sent.
 */
export function elevenlabs(options: ElevenlabsOptions): ProviderAdapter {
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
    availability,
    offers: options.offers ?? elevenlabsOffers(options.models),
    speak: (request, context) => speak(connection, request, context, defaults),
    streamSpeech: (request, context) => streamSpeech(connection, request, context, defaults),
    transcribe: (request, context) => transcribe(connection, request, context),
  }
}

function connect(name: string, options: ElevenlabsOptions, availability: Availability): ElevenlabsConnection {
  const settings = {
    apiKey: options.apiKey?.trim() ?? '',
    baseUrl: options.baseUrl ?? 'https://api.elevenlabs.io',
    ...(options.fetch === undefined ? {} : { fetch: options.fetch }),
  }
  const { client, now } = options
  const needs = '"@elevenlabs/elevenlabs-js" (^2.73)'
  return connectSdk<ElevenlabsClient>({ name, availability, needs, client, now, load: () => loadElevenlabsClient(settings) })
}
