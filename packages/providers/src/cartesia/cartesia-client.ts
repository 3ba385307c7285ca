import type { SdkConnection } from '../adapter/sdk-connection.ts'
import { SDK_TIMEOUT_MS } from '../adapter/sdk-timeout.ts'

/** What an SDK method takes beside its body. */
export interface CartesiaRequestOptions {
  signal?: AbortSignal
  maxRetries?: number
  headers?: Record<string, string | null>
}

/** The slice of the SDK's client that is used: `new Cartesia()` of `@cartesia/cartesia-js` 4.2 or later fits. */
export interface CartesiaClient {
  /** Where its API is. Websockets are opened there, with the client's key. */
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
  /** Sent with each request, above what the environment could have put into the client. */
  headers: Record<string, string>
  /** What websockets are opened with. */
  websocket: Readonly<Record<string, unknown>>
}

/** What a client of our own is made from. */
export interface CartesiaClientOptions {
  apiKey: string
  baseURL: string
  fetch?: typeof globalThis.fetch
}

/**
 * Loads the SDK and makes a client that nothing in the environment can redirect. Its retries are off, because retrying is the
 * router's, and so is its log, because it prints what it could not read.
 */
export async function loadCartesiaClient(options: CartesiaClientOptions): Promise<CartesiaClient> {
  const sdk = await import('@cartesia/cartesia-js')
  return new sdk.Cartesia({ ...options, token: null, maxRetries: 0, timeout: SDK_TIMEOUT_MS, logLevel: 'off' })
}

/** Headers that undo `CARTESIA_CUSTOM_HEADERS`, the one setting that the SDK takes from the environment whatever it is given. */
export function pinnedHeaders({ apiKey }: Pick<CartesiaClientOptions, 'apiKey'>): Record<string, string> {
  return { Authorization: `Bearer ${apiKey}` }
}
