import type { SdkConnection } from '../adapter/sdk-connection.ts'
import { SDK_TIMEOUT_MS } from '../adapter/sdk-timeout.ts'

/** The options of an SDK method, besides its body. */
export interface AnthropicRequestOptions {
  signal?: AbortSignal
  maxRetries?: number
  /** In milliseconds. */
  timeout?: number
}

/**
 * The part of the SDK's client that the adapter uses. `new Anthropic()` of `@anthropic-ai/sdk` 0.60 or later and 1 fits, and so
 * do its clients for other clouds, and a wrapper that traces its calls.
 */
export interface AnthropicClient {
  messages: { create(body: object, options?: AnthropicRequestOptions): PromiseLike<unknown> }
}

/** What every method of the adapter needs to reach the provider. */
export interface AnthropicConnection extends SdkConnection<AnthropicClient> {
  /** The most tokens that a model's answer may have. */
  outputTokensMax(model: string): number
}

/** The settings of a client that the adapter makes. */
export interface AnthropicClientOptions {
  apiKey: string
  baseURL: string
  fetch?: typeof globalThis.fetch
}

/**
 * Loads the SDK and makes a client that the environment cannot redirect. It sets every value that the SDK would otherwise look up
 * there, and removes the headers that the SDK always takes from there. Retries, log and traces are off.
 */
export async function loadAnthropicClient(options: AnthropicClientOptions): Promise<AnthropicClient> {
  const { Anthropic } = await import('@anthropic-ai/sdk')
  const client = new Anthropic({
    ...options,
    authToken: null,
    webhookKey: null,
    maxRetries: 0,
    timeout: SDK_TIMEOUT_MS,
    // SDKs before 1 send the key in a header that `fetch` would forward to the target of a redirect.
    fetchOptions: { redirect: 'manual' },
    logLevel: 'off',
    openTelemetry: false,
  })
  forgetHeaders(client)
  return client as AnthropicClient
}

/**
 * Removes the headers of `ANTHROPIC_CUSTOM_HEADERS`. The SDK makes them its default headers, and they could replace even the key.
 */
function forgetHeaders(client: object): void {
  const settings: unknown = Reflect.get(client, '_options')
  if (typeof settings === 'object' && settings !== null) Reflect.set(settings, 'defaultHeaders', undefined)
}
