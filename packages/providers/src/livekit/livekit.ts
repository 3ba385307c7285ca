import { type Clock, checkOptionNames, type Offer, type ProviderAdapter } from '@farebox/core'
import { checkAdapterOptions, checkAddress, checkNumber } from '../adapter/check-adapter-options.ts'
import { availabilityOf, connectSdk } from '../adapter/sdk-connection.ts'
import { type LivekitConnection, type LivekitParts, type LivekitSdk, loadLivekitParts } from './livekit-client.ts'
import { type LivekitEvent, livekitEvent } from './livekit-event.ts'
import { livekitOffers } from './livekit-offers.ts'
import { type LivekitRooms, livekitRooms } from './livekit-rooms.ts'
import { dialLivekit, type LivekitDialOutcome, type LivekitDialRequest } from './livekit-sip.ts'
import { type LivekitTokenRequest, livekitToken } from './livekit-token.ts'
import type { LivekitContext } from './within-call.ts'

/** How {@link livekit} reaches the API. */
export interface LivekitOptions {
  /** The project's URL as LiveKit shows it, `https:` or `wss:`. */
  url?: string | undefined
  /** The API key. The adapter is disabled unless `url`, `apiKey` and `apiSecret` are all set and not empty. */
  apiKey?: string | undefined
  apiSecret?: string | undefined
  /** Your own copy of the package `livekit-server-sdk`. @defaultValue the adapter imports it at the first call */
  sdk?: LivekitSdk
  /** What the adapter sells. @defaultValue {@link livekitOffers} */
  offers?: readonly Offer[]
  /** The adapter's name. Two LiveKit adapters in one router need different names. @defaultValue `livekit` */
  name?: string
  /** The timeout of one request, in seconds. @defaultValue 10 */
  requestTimeoutSeconds?: number
  /** The clock to read. @defaultValue the system clock */
  now?: Clock
}

const known: Record<keyof LivekitOptions, true> = {
  url: true,
  apiKey: true,
  apiSecret: true,
  sdk: true,
  offers: true,
  name: true,
  requestTimeoutSeconds: true,
  now: true,
}

/** LiveKit as a provider, with its rooms, join tokens, outbound phone calls and webhooks. */
export interface LivekitAdapter extends ProviderAdapter {
  readonly rooms: LivekitRooms
  /** Makes a token that lets a browser or an app join one room. */
  token(request: LivekitTokenRequest): Promise<string>
  /** Calls a phone number and puts the call into a room. */
  dial(request: LivekitDialRequest, context?: LivekitContext): Promise<LivekitDialOutcome>
  /** Verifies that a webhook comes from LiveKit, and reads it. Pass the raw body, unparsed. */
  webhook(rawBody: string | Uint8Array, authorization: string | undefined): Promise<LivekitEvent>
}

/**
 * LiveKit, in its cloud or on your own servers.
 *
 * LiveKit carries audio and video but serves none of the calls that Farebox routes, so the router never chooses it. Record its
 * minutes yourself: `ParticipantMinutes` computes them from its webhooks. The adapter loads and sends nothing before the first
 * call.
 */
export function livekit(options: LivekitOptions): LivekitAdapter {
  checkOptionNames(options, known, 'livekit()')
  checkAdapterOptions(options)
  checkAddress('url', options.url, ['https:', 'wss:', 'http:', 'ws:'])
  checkNumber('requestTimeoutSeconds', options.requestTimeoutSeconds)
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
    get availability() {
      return connection.availability()
    },
    offers: options.offers ?? livekitOffers(),
    rooms: livekitRooms(connection),
    token: (request) => livekitToken(connection, request),
    dial: (request, context = {}) => dialLivekit(connection, request, context),
    webhook: (rawBody, authorization) => livekitEvent(connection, rawBody, authorization),
  }
}
