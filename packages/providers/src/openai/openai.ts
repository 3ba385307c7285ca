import { type Availability, type Clock, InvalidOptionError, type Offer, type ProviderAdapter } from '@farebox/core'
import { availabilityOf, checkEnabled, connectSdk } from '../adapter/sdk-connection.ts'
import { chat } from './chat.ts'
import { converse } from './converse.ts'
import { embed } from './embed.ts'
import { fetchTexts } from './fetch-texts.ts'
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

/** How OpenAI is reached, and what is asked of it. */
export interface OpenaiOptions {
  /** The secret key. Absent or empty, and without a `client`, the adapter is disabled. */
  apiKey?: string | undefined
  /** Where the API is; any server that speaks it will do. @defaultValue `https://api.openai.com/v1` */
  baseURL?: string
  /** @defaultValue the key's own */
  organization?: string
  /** @defaultValue the key's own */
  project?: string
  /** Your own client of the SDK instead of one made here; `apiKey`, `baseURL`, `organization`, `project` and `fetch` are then its own. */
  client?: OpenaiClient
  /** What is sold. @defaultValue {@link openaiOffers} of `models` */
  offers?: readonly Offer[]
  /** The models behind `openai-whisper` and `openai-tts`, for when OpenAI retires those of today. */
  models?: OpenaiModels
  /** Which of OpenAI's two APIs chats go over: for all models, or model by model. @defaultValue `chat` */
  api?: OpenaiApi | ((model: string) => OpenaiApi)
  /** The voice of speech when a request names none; conversations then have the model's own. @defaultValue `alloy` */
  voice?: string
  /** The name of the adapter; give each its own when two stand side by side. @defaultValue `openai` */
  name?: string
  /** @defaultValue the global `fetch` */
  fetch?: typeof globalThis.fetch
  /**
   * What asks for chats and embeddings. `sdk`: the official SDK. `fetch`: `fetch` alone, with the same bodies, answers and errors, which with
   * `undiciFetch()` costs a quarter of the CPU (`npm run bench -- fetch`) and needs no SDK; speech in either direction does. Not for a `client` of your own. @defaultValue `sdk`
   */
  transport?: 'sdk' | 'fetch'
  /** How the websockets of conversations are opened. @defaultValue as the package `ws` does */
  websocket?: OpenaiWebsocketOptions
  /** Tells the time. @defaultValue the host's clock */
  now?: Clock
}

/** `chat`: Chat Completions, which most servers of this protocol speak. `responses`: the newer Responses API, without stop sequences. */
export type OpenaiApi = 'chat' | 'responses'

/**
 * OpenAI, or any server that speaks its API: chat, vision, speech to text, text to speech, conversations in speech and embeddings.
 *
 * Nothing is loaded or sent before the first call: then the package `openai` (^6.30 or ^7) is imported, unless you pass a client
 * of your own; conversations need `ws` besides. Neither retries nor the environment change what is sent.
 */
export function openai(options: OpenaiOptions): ProviderAdapter {
  const name = options.name ?? 'openai'
  const defaults = { voice: options.voice ?? 'alloy' }
  const availability = availabilityOf({
    client: options.client,
    secrets: [options.apiKey],
    reason: 'no API key: set OPENAI_API_KEY where the server is started, or pass openai({ apiKey })',
  })
  const { api = 'chat' } = options
  const apiOf = (model: string) => (typeof api === 'function' ? api(model) : api)
  const connection = connect(name, options, availability)
  return {
    name,
    isSimulated: false,
    availability,
    offers: options.offers ?? openaiOffers(options.models),
    dialectOf: ({ service, model }) => {
      if (service === 'voice_tts') return 'openai-speech'
      if (service === 'voice_stt') return 'openai-transcription'
      return service === 'gpt' || service === 'vision' ? `openai-${apiOf(model)}` : undefined
    },
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
    baseURL: options.baseURL ?? 'https://api.openai.com/v1',
    organization: options.organization ?? null,
    project: options.project ?? null,
    ...(options.fetch === undefined ? {} : { fetch: options.fetch }),
  }
  const { client, now, transport = 'sdk' } = options
  if (client && transport === 'fetch')
    throw new InvalidOptionError('openai() takes a client of your own or transport "fetch", not both')
  const needs = '"openai" (^6.30 or ^7)'
  const sdk = connectSdk<OpenaiClient>({ name, availability, needs, client, now, load: () => loadOpenaiClient(settings) })
  const texts = transport === 'fetch' ? fetchTexts(settings) : undefined
  return {
    ...sdk,
    texts: async () => {
      if (!texts) return sdk.client()
      checkEnabled(name, availability)
      return texts
    },
    headers: client ? {} : pinnedHeaders(settings),
    realtime: { ...(options.websocket && { websocket: options.websocket }), ...(client ? {} : { target: settings }) },
  }
}
