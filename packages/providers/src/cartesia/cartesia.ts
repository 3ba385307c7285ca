import { type Availability, type Clock, checkOptionNames, type Offer, type ProviderAdapter } from '@farebox/core'
import { boundedFetch } from '../adapter/bounded-fetch.ts'
import { checkAdapterOptions, checkChoice, givenAddress } from '../adapter/check-adapter-options.ts'
import { availabilityOf, connectSdk } from '../adapter/sdk-connection.ts'
import { type CartesiaClient, type CartesiaConnection, loadCartesiaClient, pinnedHeaders } from './cartesia-client.ts'
import { CARTESIA_VOICE, type CartesiaModels, cartesiaModels, cartesiaOffers } from './cartesia-offers.ts'
import { speak, streamSpeech } from './speak.ts'
import { streamTranscription } from './stream-transcription.ts'
import { transcribe } from './transcribe.ts'

/** How {@link cartesia} reaches the API, and what it sells and requests. */
export interface CartesiaOptions {
  /** The secret key. Without it and without a `client`, the adapter is disabled. An empty string counts as absent. */
  apiKey?: string | undefined
  /** The API's base URL. Cartesia may rotate a key that it sees over plain HTTP. @defaultValue `https://api.cartesia.ai` */
  baseURL?: string
  /** Your own SDK client. Its settings replace `apiKey`, `baseURL` and `fetch`. */
  client?: CartesiaClient
  /** What the adapter sells. @defaultValue {@link cartesiaOffers} of `models` */
  offers?: readonly Offer[]
  /** The models behind the provider `cartesia`. */
  models?: CartesiaModels
  /** The id of the voice for requests that name none. @defaultValue the voice of the SDK's examples */
  voice?: string
  /**
   * How to stream raw audio (`pcm`). Other formats always arrive as a response body. The websocket needs the package `ws`.
   *
   * @defaultValue `sse`
   */
  transport?: 'sse' | 'websocket'
  /** Options of the package `ws` for every websocket, since `fetch` opens none: `agent` for a proxy, `ca`, `createConnection`. */
  websocket?: Readonly<Record<string, unknown>>
  /** The adapter's name. Two Cartesia adapters in one router need different names. @defaultValue `cartesia` */
  name?: string
  /** @defaultValue the global `fetch` */
  fetch?: typeof globalThis.fetch
  /** The clock to read. @defaultValue the system clock */
  now?: Clock
}

const known: Record<keyof CartesiaOptions, true> = {
  apiKey: true,
  baseURL: true,
  client: true,
  offers: true,
  models: true,
  voice: true,
  transport: true,
  websocket: true,
  name: true,
  fetch: true,
  now: true,
}

/**
 * Cartesia: text to speech, whole and streamed, and speech to text, recorded and live.
 *
 * The adapter loads and sends nothing before the first call. It then imports the package `@cartesia/cartesia-js` (^4.2), unless
 * you pass your own client. It turns the SDK's retries off and ignores its environment variables.
 */
export function cartesia(options: CartesiaOptions): ProviderAdapter {
  checkOptionNames(options, known, 'cartesia()')
  checkAdapterOptions(options)
  checkOptionNames(options.models ?? {}, { speak: true, transcribe: true, listen: true }, 'cartesia({ models })')
  checkChoice('transport', options.transport, ['sse', 'websocket'])
  const name = options.name ?? 'cartesia'
  const models = cartesiaModels(options.models ?? {})
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
    get availability() {
      return connection.availability()
    },
    offers: options.offers ?? cartesiaOffers(options.models ?? {}),
    speak: (request, context) => speak(connection, request, context, defaults),
    streamSpeech: (request, context) => streamSpeech(connection, request, context, defaults),
    transcribe: (request, context) => transcribe(connection, request, context),
    streamTranscription: (request, context) => streamTranscription(connection, request, context, models),
  }
}

function connect(name: string, options: CartesiaOptions, availability: Availability): CartesiaConnection {
  const settings = {
    apiKey: options.apiKey?.trim() ?? '',
    baseURL: givenAddress(options.baseURL) ?? 'https://api.cartesia.ai',
    fetch: boundedFetch(options.fetch),
  }
  const { client, now } = options
  const needs = '"@cartesia/cartesia-js" (^4.2)'
  return {
    ...connectSdk<CartesiaClient>({ name, availability, needs, client, now, load: () => loadCartesiaClient(settings) }),
    headers: client ? {} : pinnedHeaders(settings),
    websocket: options.websocket ?? {},
  }
}
