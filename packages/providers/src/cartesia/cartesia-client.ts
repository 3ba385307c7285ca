import type { SdkConnection } from '../adapter/sdk-connection.ts'
import { SDK_TIMEOUT_MS } from '../adapter/sdk-timeout.ts'

/** The options of an SDK method, besides its body. */
export interface CartesiaRequestOptions {
  signal?: AbortSignal
  maxRetries?: number
  headers?: Record<string, string | null>
}

/** The part of the SDK's client that the adapter uses. `new Cartesia()` of `@cartesia/cartesia-js` 4.2 or later fits. */
export interface CartesiaClient {
  /** The API's base URL. Websockets open there too, with the client's key. */
  baseURL: string
  apiKey: string | null
  buildURL(path: string, query: Record<string, unknown> | null | undefined): string
  tts: {
    generate(body: object, options?: CartesiaRequestOptions): PromiseLike<unknown>
    generateSSE(body: object, options?: CartesiaRequestOptions): PromiseLike<unknown>
  }
  stt: { transcribe(body: object, options?: CartesiaRequestOptions): PromiseLike<unknown> }
}

/** What every method of the adapter needs to reach the provider. */
export interface CartesiaConnection extends SdkConnection<CartesiaClient> {
  /** Headers of each request, which override those that the client took from the environment. */
  headers: Record<string, string>
  /** Options for `ws`. */
  websocket: Readonly<Record<string, unknown>>
}

/** The settings of a client that the adapter makes. */
export interface CartesiaClientOptions {
  apiKey: string
  baseURL: string
  fetch?: typeof globalThis.fetch
}

/**
 * Loads the SDK and makes a client that the environment cannot redirect. Retries are off, because the router retries. The log is
 * off, because it would print unreadable answers.
 */
export async function loadCartesiaClient(options: CartesiaClientOptions): Promise<CartesiaClient> {
  const sdk = await import('@cartesia/cartesia-js')
  return new sdk.Cartesia({ ...options, token: null, maxRetries: 0, timeout: SDK_TIMEOUT_MS, logLevel: 'off' })
}

/** Headers that undo `CARTESIA_CUSTOM_HEADERS`, the only setting that the SDK always takes from the environment. */
export function pinnedHeaders({ apiKey }: Pick<CartesiaClientOptions, 'apiKey'>): Record<string, string> {
  return { Authorization: `Bearer ${apiKey}` }
}
