import type { SdkConnection } from '../adapter/sdk-connection.ts'

/**
 * The slice of the package `livekit-server-sdk` (^2.19) that is used: `import * as sdk from 'livekit-server-sdk'` fits, and so does a
 * copy of it that traces its calls.
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

/** What a client of the SDK is told. */
export interface LivekitClientOptions {
  /** Seconds. */
  requestTimeout?: number
  failover?: boolean
}

/** The slice of the SDK's client of rooms. */
export interface LivekitRoomClient {
  createRoom(options: { name: string }): Promise<object>
  listRooms(names?: string[]): Promise<object[]>
  deleteRoom(room: string): Promise<void>
  listParticipants(room: string): Promise<object[]>
  removeParticipant(room: string, identity: string): Promise<void>
}

/** The slice of the SDK's client of telephone trunks. */
export interface LivekitSipClient {
  createSipParticipant(trunkId: string, number: string, room: string, options?: object): Promise<object>
}

/** What every method of the adapter works with. */
export interface LivekitParts {
  rooms: LivekitRoomClient
  sip: LivekitSipClient
  /** Signs a token. */
  token(options: ConstructorParameters<LivekitSdk['AccessToken']>[2], grants: object): Promise<string>
  /** Checks a webhook, and reads it. It throws when the signature does not fit. */
  receive(body: string, authorization: string | undefined): Promise<object>
}

/** How the parts are reached. */
export type LivekitConnection = SdkConnection<LivekitParts>

/** What the parts are made from. */
export interface LivekitSettings {
  url: string
  apiKey: string
  apiSecret: string
  requestTimeoutSeconds: number
  sdk: LivekitSdk | undefined
}

/**
 * Makes the SDK's clients, which nothing in the environment can redirect, since all that they would look up there is given. Their
 * tries in other regions are off: trying again is the caller's, and a phone must not be called twice.
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
