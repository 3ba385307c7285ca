import { answeringFetch } from '../adapter/answering-fetch.ts'
import type { SdkConnection } from '../adapter/sdk-connection.ts'

/** The options of an SDK method, besides its request. */
export interface DeepgramRequestOptions {
  abortSignal?: AbortSignal
  maxRetries?: number
  timeoutInSeconds?: number
  queryParams?: Record<string, unknown>
}

/** A live connection of the SDK, whether open yet or not. */
export interface DeepgramSocket {
  on(event: 'open', handler: () => void): void
  on(event: 'message', handler: (message: unknown) => void): void
  on(event: 'close', handler: (event: { code: number; reason?: string }) => void): void
  on(event: 'error', handler: (error: Error) => void): void
  connect(): unknown
  waitForOpen(): PromiseLike<unknown>
  sendMedia(sound: Uint8Array): void
  sendKeepAlive(message: { type: 'KeepAlive' }): void
  sendCloseStream(message: { type: 'CloseStream' }): void
  close(): void
}

/**
 * The part of the SDK's client that the adapter uses. `new DeepgramClient()` of `@deepgram/sdk` 5.13 fits, and so does a wrapper
 * that traces its calls.
 */
export interface DeepgramClient {
  listen: {
    v1: {
      media: { transcribeFile(sound: Uint8Array, request: object, options?: DeepgramRequestOptions): PromiseLike<unknown> }
      connect(request: object): PromiseLike<DeepgramSocket>
    }
  }
  speak: { v1: { audio: { generate(request: { text: string }, options?: DeepgramRequestOptions): PromiseLike<unknown> } } }
  manage: {
    v1: {
      projects: {
        list(options?: DeepgramRequestOptions): PromiseLike<unknown>
        requests: {
          list(projectId: string, request: object, options?: DeepgramRequestOptions): PromiseLike<unknown>
          get(projectId: string, requestId: string, options?: DeepgramRequestOptions): PromiseLike<unknown>
        }
      }
    }
  }
}

/** What every method of the adapter needs to reach the provider. */
export type DeepgramConnection = SdkConnection<DeepgramClient>

/** The settings of a client that the adapter makes. */
export interface DeepgramClientOptions {
  apiKey: string
  baseUrl: string
  fetch: typeof globalThis.fetch | undefined
}

/**
 * How long the SDK may wait for an answer's headers. The caller's deadline decides, but the SDK's timer cannot be turned off, so
 * this is as long as Deepgram itself works on any request.
 *
 * @source https://community.deepgram.com/answers/en/handling-long-running-whisper-requests-1306412665064656903 (20 minutes)
 */
export const TIMEOUT_SECONDS = 1_200

/**
 * Loads the SDK and makes a client that the environment cannot redirect, because the key and the address are set. Retries are
 * off, because the router retries.
 */
export async function loadDeepgramClient({ apiKey, baseUrl, fetch }: DeepgramClientOptions): Promise<DeepgramClient> {
  const sdk = await import('@deepgram/sdk')
  return new sdk.DeepgramClient({
    apiKey,
    baseUrl,
    maxRetries: 0,
    timeoutInSeconds: TIMEOUT_SECONDS,
    fetch: answeringFetch(fetch ?? ((input, init) => globalThis.fetch(input, init))),
  })
}
