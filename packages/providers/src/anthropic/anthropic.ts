import type { Availability, Clock, Offer, ProviderAdapter } from '@farebox/core'
import { availabilityOf, connectSdk } from '../adapter/sdk-connection.ts'
import { type AnthropicClient, type AnthropicConnection, loadAnthropicClient } from './anthropic-client.ts'
import { type AnthropicModels, anthropicOffers } from './anthropic-offers.ts'
import { chat } from './chat.ts'
import { takesSchema } from './claude-models.ts'
import { streamChat } from './stream-chat.ts'

/** How Anthropic is reached, and what is asked of it. */
export interface AnthropicOptions {
  /** The secret key. Absent or empty, and without a `client`, the adapter is disabled. */
  apiKey?: string | undefined
  /** Where the API is, without `/v1`; any server that speaks it will do. @defaultValue `https://api.anthropic.com` */
  baseURL?: string
  /** Your own client of the SDK instead of one made here; `apiKey`, `baseURL` and `fetch` are then its own. */
  client?: AnthropicClient
  /** What is sold. @defaultValue {@link anthropicOffers} of `models` */
  offers?: readonly Offer[]
  /** The model behind `claude-3-haiku`, for when Anthropic retires that of today. */
  models?: AnthropicModels
  /** The name of the adapter; give each its own when two stand side by side. @defaultValue `anthropic` */
  name?: string
  /** @defaultValue the global `fetch` */
  fetch?: typeof globalThis.fetch
  /** Tells the time. @defaultValue the host's clock */
  now?: Clock
}

/** Tokens that an answer may have where its model is in no offer: what every model that speaks this protocol can write. */
const OUTPUT_TOKENS_MAX = 4_096

/**
 * Anthropic, or any server that speaks its Messages API: chat and vision.
 *
 * Nothing is loaded or sent before the first call: then the package `@anthropic-ai/sdk` (^0.60 or ^1) is imported, unless you pass a
 * client of your own. Neither retries nor the environment change what is sent.
 *
 * A request's temperature is left out where the model would refuse it, and Haiku 5.5 is told not to think unless `providerOptions` say
 * how (`thinking`, `output_config.effort`).
 */
export function anthropic(options: AnthropicOptions): ProviderAdapter {
  const name = options.name ?? 'anthropic'
  const offers = options.offers ?? anthropicOffers(options.models)
  const availability = availabilityOf({
    client: options.client,
    secrets: [options.apiKey],
    reason: 'no API key: set ANTHROPIC_API_KEY where the server is started, or pass anthropic({ apiKey })',
  })
  const connection = connect({ name, offers, availability }, options)
  return {
    name,
    isSimulated: false,
    availability,
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
    baseURL: options.baseURL ?? 'https://api.anthropic.com',
    ...(options.fetch === undefined ? {} : { fetch: options.fetch }),
  }
  const needs = '"@anthropic-ai/sdk" (^0.60 or ^1)'
  return {
    ...connectSdk<AnthropicClient>({ name, availability, needs, client, now, load: () => loadAnthropicClient(settings) }),
    outputTokensMax: (model) => offers.find((offer) => offer.model === model)?.capabilities.outputTokensMax ?? OUTPUT_TOKENS_MAX,
  }
}
