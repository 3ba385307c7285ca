import type { Clock, Offer, ProviderAdapter } from '@farebox/core'
import { availabilityOf, connectSdk } from '../adapter/sdk-connection.ts'
import { type LivekitConnection, type LivekitParts, type LivekitSdk, loadLivekitParts } from './livekit-client.ts'
import { type LivekitEvent, livekitEvent } from './livekit-event.ts'
import { livekitOffers } from './livekit-offers.ts'
import { type LivekitRooms, livekitRooms } from './livekit-rooms.ts'
import { dialLivekit, type LivekitDialOutcome, type LivekitDialRequest } from './livekit-sip.ts'
import { type LivekitTokenRequest, livekitToken } from './livekit-token.ts'
import type { LivekitContext } from './within-call.ts'

/** How LiveKit is reached. */
export interface LivekitOptions {
  /** Where the project is: `https:` or `wss:`, as LiveKit shows it. */
  url?: string | undefined
  /** Any of the three absent or empty, and the adapter is disabled. */
  apiKey?: string | undefined
  apiSecret?: string | undefined
  /** Your own copy of the package `livekit-server-sdk`. @defaultValue imported at the first call */
  sdk?: LivekitSdk
  /** What is sold. @defaultValue {@link livekitOffers} */
  offers?: readonly Offer[]
  /** The name of the adapter; give each its own when two stand side by side. @defaultValue `livekit` */
  name?: string
  /** Seconds that LiveKit has for an answer. @defaultValue 10 */
  requestTimeoutSeconds?: number
  /** Tells the time. @defaultValue the host's clock */
  now?: Clock
}

/** LiveKit beside the calls that Farebox routes: rooms, the tokens to join them, telephones called into them, and its webhooks. */
export interface LivekitAdapter extends ProviderAdapter {
  readonly rooms: LivekitRooms
  /** A token with which a browser or an app joins one room. */
  token(request: LivekitTokenRequest): Promise<string>
  /** Calls a telephone into a room. */
  dial(request: LivekitDialRequest, context?: LivekitContext): Promise<LivekitDialOutcome>
  /** Checks that a webhook is LiveKit's, and reads it. Give it the body as it came. */
  webhook(rawBody: string | Uint8Array, authorization: string | undefined): Promise<LivekitEvent>
}

/**
 * LiveKit, in its cloud or on servers of your own.
 *
 * It carries sound and pictures and answers no calls, so routing never takes it; its minutes are recorded by the team, as
 * `ParticipantMinutes` works them out from its webhooks. Nothing is loaded or sent before the first call.
 */
export function livekit(options: LivekitOptions): LivekitAdapter {
  const name = options.name ?? 'livekit'
  const { url, apiKey, apiSecret } = options
  const availability = availabilityOf({
    secrets: [url, apiKey, apiSecret],
    reason:
      'no key: set LIVEKIT_URL, LIVEKIT_API_KEY and LIVEKIT_API_SECRET where the server is started, or pass livekit({ url, apiKey, apiSecret })',
  })
  const connection: LivekitConnection = connectSdk<LivekitParts>({
    name,
    availability,
    needs: '"livekit-server-sdk" (^2.19)',
    now: options.now,
    load: () =>
      loadLivekitParts({
        url: url?.trim() ?? '',
        apiKey: apiKey?.trim() ?? '',
        apiSecret: apiSecret?.trim() ?? '',
        requestTimeoutSeconds: options.requestTimeoutSeconds ?? 10,
        sdk: options.sdk,
      }),
  })
  return {
    name,
    isSimulated: false,
    availability,
    offers: options.offers ?? livekitOffers(),
    rooms: livekitRooms(connection),
    token: (request) => livekitToken(connection, request),
    dial: (request, context = {}) => dialLivekit(connection, request, context),
    webhook: (rawBody, authorization) => livekitEvent(connection, rawBody, authorization),
  }
}
