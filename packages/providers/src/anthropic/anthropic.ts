import { type Availability, type Clock, checkOptionNames, type Offer, type ProviderAdapter } from '@farebox/core'
import { boundedFetch } from '../adapter/bounded-fetch.ts'
import { checkAdapterOptions, givenAddress } from '../adapter/check-adapter-options.ts'
import { availabilityOf, connectSdk } from '../adapter/sdk-connection.ts'
import { type AnthropicClient, type AnthropicConnection, loadAnthropicClient } from './anthropic-client.ts'
import { type AnthropicModels, anthropicOffers } from './anthropic-offers.ts'
import { chat } from './chat.ts'
import { takesSchema } from './claude-models.ts'
import { streamChat } from './stream-chat.ts'

/** How {@link anthropic} reaches the API, and what it sells. */
export interface AnthropicOptions {
  /** The secret key. Without it and without a `client`, the adapter is disabled. An empty string counts as absent. */
  apiKey?: string | undefined
  /** The API's base URL, without `/v1`. Any server that speaks this API will do. @defaultValue `https://api.anthropic.com` */
  baseURL?: string
  /** Your own SDK client. Its settings replace `apiKey`, `baseURL` and `fetch`. */
  client?: AnthropicClient
  /** What the adapter sells. @defaultValue {@link anthropicOffers} of `models` */
  offers?: readonly Offer[]
  /** The model behind the provider `claude-3-haiku`. Set it when Anthropic retires the current one. */
  models?: AnthropicModels
  /** The adapter's name. Two Anthropic adapters in one router need different names. @defaultValue `anthropic` */
  name?: string
  /** @defaultValue the global `fetch` */
  fetch?: typeof globalThis.fetch
  /** The clock to read. @defaultValue the system clock */
  now?: Clock
}

const known: Record<keyof AnthropicOptions, true> = {
  apiKey: true,
  baseURL: true,
  client: true,
  offers: true,
  models: true,
  name: true,
  fetch: true,
  now: true,
}

/** The output limit, in tokens, for a model that no offer names: every model with this API can write as much. */
const OUTPUT_TOKENS_MAX = 4_096

/**
 * Anthropic, or any server that speaks its Messages API: chat and vision.
 *
 * The adapter loads and sends nothing before the first call. It then imports the package `@anthropic-ai/sdk` (>=0.60 <2),
 * unless you pass your own client. It turns the SDK's retries off and ignores its environment variables.
 *
 * The adapter omits a request's temperature for models that would refuse it. It turns thinking off for Haiku 5.5, unless
 * `providerOptions` configure it (`thinking`, `output_config.effort`).
 */
export function anthropic(options: AnthropicOptions): ProviderAdapter {
  checkOptionNames(options, known, 'anthropic()')
  checkAdapterOptions(options)
  checkOptionNames(options.models ?? {}, { haiku: true }, 'anthropic({ models })')
  const name = options.name ?? 'anthropic'
  const offers = options.offers ?? anthropicOffers(options.models ?? {})
  const availability = availabilityOf({
    client: options.client,
    secrets: [options.apiKey],
    reason: 'no API key: set ANTHROPIC_API_KEY where the server is started, or pass anthropic({ apiKey })',
  })
  const connection = connect({ name, offers, availability }, options)
  return {
    name,
    isSimulated: false,
    get availability() {
      return connection.availability()
    },
    offers,
    dialectOf: ({ model }) => (takesSchema(model) ? 'anthropic-messages' : undefined),
    chat: (request, context) => chat(connection, request, context),
    streamChat: (request, context) => streamChat(connection, request, context),
  }
}

function connect(
  { name, offers, availability }: { name: string; offers: readonly Offer[]; availability: Availability },
  { client, now, ...options }: AnthropicOptions,
): AnthropicConnection {
  const settings = {
    apiKey: options.apiKey?.trim() ?? '',
    baseURL: givenAddress(options.baseURL) ?? 'https://api.anthropic.com',
    fetch: boundedFetch(options.fetch),
  }
  const needs = '"@anthropic-ai/sdk" (>=0.60 <2)'
  return {
    ...connectSdk<AnthropicClient>({ name, availability, needs, client, now, load: () => loadAnthropicClient(settings) }),
    outputTokensMax: (model) => offers.find((offer) => offer.model === model)?.capabilities.outputTokensMax ?? OUTPUT_TOKENS_MAX,
  }
}
