import type { SdkConnection } from '../adapter/sdk-connection.ts'
import type { CallWatches } from './call-watches.ts'
import type { TwilioHttp } from './twilio-http.ts'

/** The part of the SDK's client that the adapter uses. The client of `twilio()` of `twilio` 5.13 or later and 6 fits. */
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

/** How to place and follow calls. */
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
  /** Whether the client is the host's own, whose requests we cannot observe. */
  isHostClient: boolean
  settings: TwilioSettings
  /** The watches of calls in progress. */
  watches: CallWatches
}

/** The credentials of a client that the adapter makes. */
export interface TwilioCredentials {
  accountSid: string
  /** The SID of the account, or of an API key. */
  username: string
  password: string
}

/**
 * Loads the SDK and makes a client that the environment cannot redirect: edge and region are set to none, and `http` decides
 * where requests go. The SDK's retries are off.
 */
export async function loadTwilioClient(
  { accountSid, username, password }: TwilioCredentials,
  http: TwilioHttp,
): Promise<TwilioClient> {
  const { default: twilio } = await import('twilio')
  // The SDK declares its own class here, but uses only `request`.
  const httpClient = http.client as unknown as NonNullable<Parameters<typeof twilio>[2]>['httpClient']
  return twilio(username, password, { accountSid, httpClient, edge: '', region: '', logLevel: 'none', autoRetry: false })
}
