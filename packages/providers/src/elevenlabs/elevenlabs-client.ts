import { answeringFetch } from '../adapter/answering-fetch.ts'
import type { SdkConnection } from '../adapter/sdk-connection.ts'
import { SDK_TIMEOUT_MS } from '../adapter/sdk-timeout.ts'

/** The options of an SDK method, besides its request. */
export interface ElevenlabsRequestOptions {
  abortSignal?: AbortSignal
  maxRetries?: number
}

/**
 * The part of the SDK's client that the adapter uses. `new ElevenLabsClient()` of `@elevenlabs/elevenlabs-js` 2.73 or later fits.
 */
export interface ElevenlabsClient {
  textToSpeech: {
    convert(voiceId: string, request: object, options?: ElevenlabsRequestOptions): PromiseLike<unknown>
    stream(voiceId: string, request: object, options?: ElevenlabsRequestOptions): PromiseLike<unknown>
  }
  speechToText: { convert(request: object, options?: ElevenlabsRequestOptions): PromiseLike<unknown> }
}

/** What every method of the adapter needs to reach the provider. */
export type ElevenlabsConnection = SdkConnection<ElevenlabsClient>

/** The settings of a client that the adapter makes. */
export interface ElevenlabsClientOptions {
  apiKey: string
  baseUrl: string
  fetch?: typeof globalThis.fetch
}

/**
 * Loads the SDK, which takes up to three seconds and a hundred megabytes, and makes a client. Retries are off, because the router
 * retries. With a key, the SDK reads nothing from the environment. Its log is off by default.
 */
export async function loadElevenlabsClient({ fetch, ...options }: ElevenlabsClientOptions): Promise<ElevenlabsClient> {
  const sdk = await import('@elevenlabs/elevenlabs-js')
  return new sdk.ElevenLabsClient({
    ...options,
    maxRetries: 0,
    timeoutInSeconds: SDK_TIMEOUT_MS / 1000,
    fetch: answeringFetch(fetch ?? ((input, init) => globalThis.fetch(input, init))),
  })
}
