import { answeringFetch } from '../adapter/answering-fetch.ts'
import type { SdkConnection } from '../adapter/sdk-connection.ts'
import { SDK_TIMEOUT_MS } from '../adapter/sdk-timeout.ts'

/** What an SDK method takes beside its request. */
export interface ElevenlabsRequestOptions {
  abortSignal?: AbortSignal
  maxRetries?: number
}

/** The slice of the SDK's client that is used: `new ElevenLabsClient()` of `@elevenlabs/elevenlabs-js` 2.73 or later fits. */
export interface ElevenlabsClient {
  textToSpeech: {
    convert(voiceId: string, request: object, options?: ElevenlabsRequestOptions): PromiseLike<unknown>
    stream(voiceId: string, request: object, options?: ElevenlabsRequestOptions): PromiseLike<unknown>
  }
  speechToText: { convert(request: object, options?: ElevenlabsRequestOptions): PromiseLike<unknown> }
}

/** What every method of the adapter needs to reach the provider. */
export type ElevenlabsConnection = SdkConnection<ElevenlabsClient>

/** What a client of our own is made from. */
export interface ElevenlabsClientOptions {
  apiKey: string
  baseUrl: string
  fetch?: typeof globalThis.fetch
}

/**
 * Loads the SDK, which takes up to three seconds and a hundred megabytes, and makes a client with its retries off, because retrying is the
 * router's. It reads nothing from the environment where a key is given; its log is silent unless asked.
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
