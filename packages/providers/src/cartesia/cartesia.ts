import type { Availability, Clock, Offer, ProviderAdapter } from '@farebox/core'
import { availabilityOf, connectSdk } from '../adapter/sdk-connection.ts'
import { type CartesiaClient, type CartesiaConnection, loadCartesiaClient, pinnedHeaders } from './cartesia-client.ts'
import { CARTESIA_VOICE, type CartesiaModels, cartesiaModels, cartesiaOffers } from './cartesia-offers.ts'
import { speak, streamSpeech } from './speak.ts'
import { streamTranscription } from './stream-transcription.ts'
import { transcribe } from './transcribe.ts'

/** How Cartesia is reached, and what is asked of it. */
export interface CartesiaOptions {
  /** The secret key. Absent or empty, and without a `client`, the adapter is disabled. */
  apiKey?: string | undefined
  /** Where the API is. Cartesia may replace a key that it sees over plain HTTP. @defaultValue `https://api.cartesia.ai` */
  baseURL?: string
  /** Your own client of the SDK instead of one made here; `apiKey`, `baseURL` and `fetch` are then its own. */
  client?: CartesiaClient
  /** What is sold. @defaultValue {@link cartesiaOffers} of `models` */
  offers?: readonly Offer[]
  /** The models behind the name `cartesia`. */
  models?: CartesiaModels
  /** The id of the voice that speaks when a request names none. @defaultValue the one of the SDK's examples */
  voice?: string
  /**
   * How raw sound (`pcm`) is streamed; other formats always come as a body of bytes. The websocket needs the package `ws`.
   *
   * @defaultValue `sse`
   */
  transport?: 'sse' | 'websocket'
  /** Options of the package `ws` for every websocket, which `fetch` does not reach: `agent` for a proxy, `ca`, `createConnection`. */
  websocket?: Readonly<Record<string, unknown>>
  /** The name of the adapter; give each its own when two stand side by side. @defaultValue `cartesia` */
  name?: string
  /** @defaultValue the global `fetch` */
  fetch?: typeof globalThis.fetch
  /** Tells the time. @defaultValue the host's clock */
  now?: Clock
}

/**
 * Cartesia: text to speech, whole and streamed, and speech to text, of recordings and of live sound.
 *
 * Nothing is loaded or sent before the first call: then the package `@cartesia/cartesia-js` (^4.2) is imported, unless you pass a
 * client of your own. Neither retries nor the environment change what is sent.
 */
export function cartesia(options: CartesiaOptions): ProviderAdapter {
  const name = options.name ?? 'cartesia'
  const models = cartesiaModels(options.models)
  const defaults = { voice: options.voice ?? CARTESIA_VOICE, transport: options.transport ?? 'sse' }
  const availability = availabilityOf({
    client: options.client,
    secrets: [options.apiKey],
    reason: 'no API key: set CARTESIA_API_KEY where the server is started, or pass cartesia({ apiKey })',
  })
  const connection = connect(name, options, availability)
  return {
    name,
    isSimulated: false,
    availability,
    offers: options.offers ?? cartesiaOffers(options.models),
    speak: (request, context) => speak(connection, request, context, defaults),
    streamSpeech: (request, context) => streamSpeech(connection, request, context, defaults),
    transcribe: (request, context) => transcribe(connection, request, context),
    streamTranscription: (request, context) => streamTranscription(connection, request, context, models),
  }
}

function connect(name: string, options: CartesiaOptions, availability: Availability): CartesiaConnection {
  const settings = {
    apiKey: options.apiKey?.trim() ?? '',
    baseURL: options.baseURL ?? 'https://api.cartesia.ai',
    ...(options.fetch === undefined ? {} : { fetch: options.fetch }),
  }
  const { client, now } = options
  const needs = '"@cartesia/cartesia-js" (^4.2)'
  return {
    ...connectSdk<CartesiaClient>({ name, availability, needs, client, now, load: () => loadCartesiaClient(settings) }),
    headers: client ? {} : pinnedHeaders(settings),
    websocket: options.websocket ?? {},
  }
}
