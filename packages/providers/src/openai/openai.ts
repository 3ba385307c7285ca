import {
  type Availability,
  type Clock,
  checkOptionNames,
  InvalidOptionError,
  type Offer,
  type ProviderAdapter,
} from '@farebox/core'
import { boundedFetch } from '../adapter/bounded-fetch.ts'
import { checkAdapterOptions, checkChoice, givenAddress } from '../adapter/check-adapter-options.ts'
import { availabilityOf, checkEnabled, connectSdk } from '../adapter/sdk-connection.ts'
import { chat } from './chat.ts'
import { converse } from './converse.ts'
import { embed } from './embed.ts'
import { fetchTexts } from './fetch-texts.ts'
import { refusedOptions } from './model-parameters.ts'
import {
  loadOpenaiClient,
  type OpenaiClient,
  type OpenaiConnection,
  type OpenaiWebsocketOptions,
  pinnedHeaders,
} from './openai-client.ts'
import { type OpenaiModels, openaiOffers } from './openai-offers.ts'
import { respond } from './responses.ts'
import { speak, streamSpeech } from './speak.ts'
import { streamChat } from './stream-chat.ts'
import { streamResponse } from './stream-responses.ts'
import { transcribe } from './transcribe.ts'

/** How {@link openai} reaches the API, and what it sells and requests. */
export interface OpenaiOptions {
  /** The secret key. Without it and without a `client`, the adapter is disabled. An empty string counts as absent. */
  apiKey?: string | undefined
  /**
   * The API's base URL. Any server that speaks this API will do. A query that it ends in (`?api-version=…`) goes with each request;
   * conversations need SDK 7 for that.
   *
   * @defaultValue `https://api.openai.com/v1`
   */
  baseURL?: string
  /** The organization to bill. @defaultValue the key's own */
  organization?: string
  /** The project to bill. @defaultValue the key's own */
  project?: string
  /** Your own SDK client. Its settings replace `apiKey`, `baseURL`, `organization`, `project` and `fetch`. */
  client?: OpenaiClient
  /** What the adapter sells. @defaultValue {@link openaiOffers} of `models` */
  offers?: readonly Offer[]
  /** The models behind the providers `openai-whisper` and `openai-tts`. Set them when OpenAI retires the current ones. */
  models?: OpenaiModels
  /** The API that chats use, for all models or for each model. @defaultValue `chat` */
  api?: OpenaiApi | ((model: string) => OpenaiApi)
  /** The voice of speech when a request names none. Conversations default to the model's own voice. @defaultValue `alloy` */
  voice?: string
  /** The adapter's name. Two OpenAI adapters in one router need different names. @defaultValue `openai` */
  name?: string
  /** @defaultValue the global `fetch` */
  fetch?: typeof globalThis.fetch
  /**
   * What sends chats and embeddings. `sdk`: the official SDK. `fetch`: `fetch` alone, with the same bodies, answers and errors. Only
   * SDK 6 tells less of a refusal whose code is not within an `error` object, as some other servers send it: just its status.
   * With `undiciFetch()` it takes a quarter of the CPU (`npm run bench -- fetch`), and it needs no SDK, though speech and
   * transcription still do. It cannot be combined with your own `client`.
   *
   * @defaultValue `sdk`
   */
  transport?: 'sdk' | 'fetch'
  /** How to open the websockets of conversations. @defaultValue the defaults of the package `ws` */
  websocket?: OpenaiWebsocketOptions
  /** The clock to read. @defaultValue the system clock */
  now?: Clock
}

const known: Record<keyof OpenaiOptions, true> = {
  apiKey: true,
  baseURL: true,
  organization: true,
  project: true,
  client: true,
  offers: true,
  models: true,
  api: true,
  voice: true,
  name: true,
  fetch: true,
  transport: true,
  websocket: true,
  now: true,
}

/** `chat`: Chat Completions, which most compatible servers speak. `responses`: the newer Responses API, without stop sequences. */
export type OpenaiApi = 'chat' | 'responses'

/**
 * OpenAI, or any server that speaks its API: chat, vision, speech to text, text to speech, spoken conversations and embeddings.
 *
 * The adapter loads and sends nothing before the first call. It then imports the package `openai` (^6.30 or ^7), unless you pass
 * your own client. Conversations also need `ws`. The adapter turns the SDK's retries off and ignores its environment variables.
 */
export function openai(options: OpenaiOptions): ProviderAdapter {
  checkOptionNames(options, known, 'openai()')
  checkAdapterOptions(options)
  checkOptionNames(options.models ?? {}, { transcribe: true, speak: true }, 'openai({ models })')
  const name = options.name ?? 'openai'
  const defaults = { voice: options.voice ?? 'alloy' }
  const availability = availabilityOf({
    client: options.client,
    secrets: [options.apiKey],
    reason: 'no API key: set OPENAI_API_KEY where the server is started, or pass openai({ apiKey })',
  })
  const api = options.api ?? 'chat'
  if (typeof api !== 'function') checkChoice('api', api, ['chat', 'responses'])
  checkChoice('transport', options.transport, ['sdk', 'fetch'])
  const apiOf = (model: string) => (typeof api === 'function' ? api(model) : api)
  const connection = connect(name, options, availability)
  return {
    name,
    isSimulated: false,
    get availability() {
      return connection.availability()
    },
    offers: options.offers ?? openaiOffers(options.models ?? {}),
    dialectOf: ({ service, model }) => {
      if (service === 'voice_tts') return 'openai-speech'
      if (service === 'voice_stt') return 'openai-transcription'
      if (service === 'embedding') return 'openai-embeddings'
      return service === 'gpt' || service === 'vision' ? `openai-${apiOf(model)}` : undefined
    },
    refusedOptions: ({ service, model }, given) =>
      service === 'gpt' || service === 'vision' ? refusedOptions(model, given) : [],
    chat: (request, context) => (apiOf(request.model) === 'responses' ? respond : chat)(connection, request, context),
    streamChat: (request, context) =>
      (apiOf(request.model) === 'responses' ? streamResponse : streamChat)(connection, request, context),
    converse: (request, context) => converse(connection, request, context),
    embed: (request, context) => embed(connection, request, context),
    transcribe: (request, context) => transcribe(connection, request, context),
    speak: (request, context) => speak(connection, request, context, defaults),
    streamSpeech: (request, context) => streamSpeech(connection, request, context, defaults),
  }
}

function connect(name: string, options: OpenaiOptions, availability: Availability): OpenaiConnection {
  const settings = {
    apiKey: options.apiKey?.trim() ?? '',
    baseURL: givenAddress(options.baseURL) ?? 'https://api.openai.com/v1',
    organization: options.organization ?? null,
    project: options.project ?? null,
    fetch: boundedFetch(options.fetch),
  }
  const { client, now, transport = 'sdk' } = options
  if (client && transport === 'fetch')
    throw new InvalidOptionError('openai() takes a client of your own or transport "fetch", not both')
  const needs = '"openai" (^6.30 or ^7)'
  const sdk = connectSdk<OpenaiClient>({ name, availability, needs, client, now, load: () => loadOpenaiClient(settings) })
  const texts = transport === 'fetch' ? fetchTexts({ ...settings, baseURL: options.baseURL ?? settings.baseURL }) : undefined
  return {
    ...sdk,
    // Chats need no SDK then, and go on without it.
    ...(texts && { availability: () => availability }),
    texts: async () => {
      if (!texts) return sdk.client()
      checkEnabled(name, availability)
      return texts
    },
    headers: client ? {} : pinnedHeaders(settings),
    realtime: { ...(options.websocket && { websocket: options.websocket }), ...(client ? {} : { target: settings }) },
  }
}
