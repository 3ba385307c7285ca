import type { SdkConnection } from '../adapter/sdk-connection.ts'

/**
 * The part of the package `livekit-server-sdk` (^2.19) that the adapter uses. `import * as sdk from 'livekit-server-sdk'` fits,
 * and so does a copy of it that traces its calls.
 */
export interface LivekitSdk {
  RoomServiceClient: new (host: string, apiKey: string, apiSecret: string, options: LivekitClientOptions) => LivekitRoomClient
  SipClient: new (host: string, apiKey: string, apiSecret: string, options: LivekitClientOptions) => LivekitSipClient
  AccessToken: new (
    apiKey: string,
    apiSecret: string,
    options: { identity: string; ttl: number; name?: string; metadata?: string; attributes?: Record<string, string> },
  ) => { addGrant(grant: object): void; toJwt(): Promise<string> }
  WebhookReceiver: new (apiKey: string, apiSecret: string) => { receive(body: string, authorization?: string): Promise<object> }
}

/** The options of an SDK client. */
export interface LivekitClientOptions {
  /** In seconds. */
  requestTimeout?: number
  failover?: boolean
}

/** The part of the SDK's room client that the adapter uses. */
export interface LivekitRoomClient {
  createRoom(options: { name: string }): Promise<object>
  listRooms(names?: string[]): Promise<object[]>
  deleteRoom(room: string): Promise<void>
  listParticipants(room: string): Promise<object[]>
  removeParticipant(room: string, identity: string): Promise<void>
}

/** The part of the SDK's SIP client that the adapter uses. */
export interface LivekitSipClient {
  createSipParticipant(trunkId: string, number: string, room: string, options?: object): Promise<object>
}

/** What every method of the adapter works with, instead of one client. */
export interface LivekitParts {
  rooms: LivekitRoomClient
  sip: LivekitSipClient
  /** Signs a token. */
  token(options: ConstructorParameters<LivekitSdk['AccessToken']>[2], grants: object): Promise<string>
  /** Verifies a webhook, and reads it. Throws if the signature is wrong. */
  receive(body: string, authorization: string | undefined): Promise<object>
}

/** The connection through which methods get the parts. */
export type LivekitConnection = SdkConnection<LivekitParts>

/** The settings of the parts. */
export interface LivekitSettings {
  url: string
  apiKey: string
  apiSecret: string
  requestTimeoutSeconds: number
  sdk: LivekitSdk | undefined
}

/**
 * Makes the SDK's clients. The environment cannot redirect them, because everything that they would look up there is set.
 * Failover to other regions is off: retries are up to the caller, and a phone must not be called twice.
 */
export async function loadLivekitParts({ url, apiKey, apiSecret, ...settings }: LivekitSettings): Promise<LivekitParts> {
  const sdk: LivekitSdk = settings.sdk ?? (await import('livekit-server-sdk'))
  const options = { requestTimeout: settings.requestTimeoutSeconds, failover: false }
  const receiver = new sdk.WebhookReceiver(apiKey, apiSecret)
  return {
    rooms: new sdk.RoomServiceClient(url, apiKey, apiSecret, options),
    sip: new sdk.SipClient(url, apiKey, apiSecret, options),
    token: (claims, grants) => {
      const token = new sdk.AccessToken(apiKey, apiSecret, claims)
      token.addGrant(grants)
      return token.toJwt()
    },
    receive: (body, authorization) => receiver.receive(body, authorization),
  }
}
