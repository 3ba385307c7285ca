import type { SdkConnection } from '../adapter/sdk-connection.ts'
import type { CallWatches } from './call-watches.ts'
import type { TwilioHttp } from './twilio-http.ts'

/** The slice of the SDK's client that is used: what `twilio()` of `twilio` 5.13 or later and 6 makes fits. */
export interface TwilioClient {
  calls: {
    (callId: string): { fetch(): PromiseLike<unknown>; update(parameters: object): PromiseLike<unknown> }
    create(parameters: object): PromiseLike<unknown>
    page(parameters: object): PromiseLike<unknown>
  }
  pricing: {
    v2: { voice: { numbers(to: string): { fetch(parameters: object): PromiseLike<unknown> } } }
  }
}

/** How calls are made when the request does not say. */
export interface TwilioSettings {
  from: string | undefined
  statusCallbackUrl: string | undefined
  pollMs: number
  ringSeconds: number
  machineDetection: 'Enable' | 'DetectMessageEnd' | undefined
}

/** What every method of the adapter needs to reach the provider. */
export interface TwilioConnection extends SdkConnection<TwilioClient> {
  http: TwilioHttp
  /** Whether the client is the host's own, whose requests we cannot follow on their way. */
  isHostClient: boolean
  settings: TwilioSettings
  /** The calls that wait for their end. */
  watches: CallWatches
}

/** What a client of our own is made from. */
export interface TwilioCredentials {
  accountSid: string
  /** The account's SID, or an API key's. */
  username: string
  password: string
}

/**
 * Loads the SDK and makes a client that nothing in the environment can redirect: edge and region are given as none, and its requests
 * go through `http`, which decides where to. The SDK retries nothing unless it is told to.
 */
export async function loadTwilioClient(
  { accountSid, username, password }: TwilioCredentials,
  http: TwilioHttp,
): Promise<TwilioClient> {
  const { default: twilio } = await import('twilio')
  // The SDK declares a class of its own here, and uses nothing of it but `request`.
  const httpClient = http.client as unknown as NonNullable<Parameters<typeof twilio>[2]>['httpClient']
  return twilio(username, password, { accountSid, httpClient, edge: '', region: '', logLevel: 'none', autoRetry: false })
}
