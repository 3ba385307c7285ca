import type { SdkConnection } from '../adapter/sdk-connection.ts'
import { SDK_TIMEOUT_MS } from '../adapter/sdk-timeout.ts'

/** What an SDK method takes beside its body. */
export interface AnthropicRequestOptions {
  signal?: AbortSignal
  maxRetries?: number
  /** Milliseconds. */
  timeout?: number
}

/**
 * The slice of the SDK's client that is used: `new Anthropic()` of `@anthropic-ai/sdk` 0.60 or later and 1 fits, so do its clients for
 * other clouds, and so does a wrapper that traces its calls.
 */
export interface AnthropicClient {
  messages: { create(body: object, options?: AnthropicRequestOptions): PromiseLike<unknown> }
}

/** What every method of the adapter needs to reach the provider. */
export interface AnthropicConnection extends SdkConnection<AnthropicClient> {
  /** Tokens that a model's answer may have at most. */
  outputTokensMax(model: string): number
}

/** What a client of our own is made from. */
export interface AnthropicClientOptions {
  apiKey: string
  baseURL: string
  fetch?: typeof globalThis.fetch
}

/**
 * Loads the SDK and makes a client that nothing in the environment can redirect: each value that the SDK would otherwise look up there
 * is given, and the headers that it takes from there whatever it is given are taken off again. Its retries, its log and its traces
 * are off.
 */
export async function loadAnthropicClient(options: AnthropicClientOptions): Promise<AnthropicClient> {
  const { Anthropic } = await import('@anthropic-ai/sdk')
  const client = new Anthropic({
    ...options,
    authToken: null,
    webhookKey: null,
    maxRetries: 0,
    timeout: SDK_TIMEOUT_MS,
    // SDKs before 1 send the key in a header that `fetch` would take along to wherever a redirect leads.
    fetchOptions: { redirect: 'manual' },
    logLevel: 'off',
    openTelemetry: false,
  })
  forgetHeaders(client)
  return client as AnthropicClient
}

/** Forgets `ANTHROPIC_CUSTOM_HEADERS`, which the SDK makes its default headers and which could replace even the key. */
function forgetHeaders(client: object): void {
  const settings: unknown = Reflect.get(client, '_options')
  if (typeof settings === 'object' && settings !== null) Reflect.set(settings, 'defaultHeaders', undefined)
}
