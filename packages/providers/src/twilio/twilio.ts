import {
  type Availability,
  type CallContext,
  type Clock,
  checkOptionNames,
  InvalidOptionError,
  type NanoUsd,
  type Offer,
  type ProviderAdapter,
} from '@farebox/core'
import { boundedFetch } from '../adapter/bounded-fetch.ts'
import { checkAdapterOptions, checkChoice, givenAddress } from '../adapter/check-adapter-options.ts'
import { availabilityOf, connectSdk } from '../adapter/sdk-connection.ts'
import { extraSeconds } from './await-end.ts'
import { callRecords } from './call-records.ts'
import { callWatches } from './call-watches.ts'
import { endCall } from './end-call.ts'
import { type CallEnds, estimatePrice } from './estimate-price.ts'
import { placeCall } from './place-call.ts'
import { type SignedForm, type ValidateSignature, validateSignature } from './signature.ts'
import { statusCallbacks, type TwilioCallUpdate, type TwilioRequest, validated } from './status-callbacks.ts'
import { loadTwilioClient, type TwilioClient, type TwilioConnection } from './twilio-client.ts'
import { twilioHttp } from './twilio-http.ts'
import { twilioOffers } from './twilio-offers.ts'

/** How {@link twilio} reaches the API, places calls and follows them. */
export interface TwilioOptions {
  /** The account's SID, `AC…`. Without it and without a `client`, the adapter is disabled. An empty string counts as absent. */
  accountSid?: string | undefined
  /** The account's auth token. It verifies signatures, and authenticates requests unless you set an `apiKey`. */
  authToken?: string | undefined
  /** The SID of an API key, `SK…`. With `apiSecret`, it authenticates requests instead of the auth token. */
  apiKey?: string | undefined
  apiSecret?: string | undefined
  /** The E.164 number to call from when a request names none. */
  from?: string | undefined
  /** Your own SDK client. Its settings replace `accountSid`, `apiKey`, `baseUrl`, `timeoutMs` and `fetch`. */
  client?: TwilioClient
  /** The base URL of every request. @defaultValue `https://api.twilio.com`, and `https://pricing.twilio.com` for prices */
  baseUrl?: string
  /**
   * The public URL at which your server receives status callbacks. Pass each one to {@link TwilioAdapter.statusCallback}.
   *
   * @defaultValue Twilio sends none
   */
  statusCallbackUrl?: string
  /**
   * The first pause between polls of a call's status, in milliseconds. Pauses grow to eight times as long.
   *
   * @defaultValue 3_000
   */
  pollMs?: number
  /** How long to let the phone ring before the call counts as unanswered, in seconds, 600 at most. @defaultValue 60 */
  ringSeconds?: number
  /** Detects answering machines. Twilio charges for this on top of the call's price. @defaultValue off */
  machineDetection?: 'Enable' | 'DetectMessageEnd'
  /** The timeout of one request, in milliseconds. @defaultValue 30_000 */
  timeoutMs?: number
  /** What the adapter sells. @defaultValue {@link twilioOffers} */
  offers?: readonly Offer[]
  /** The adapter's name. Two Twilio adapters in one router need different names. @defaultValue `twilio` */
  name?: string
  /** The clock to read. @defaultValue the system clock */
  now?: Clock
  /** @defaultValue the global `fetch` */
  fetch?: typeof globalThis.fetch
}

const known: Record<keyof TwilioOptions, true> = {
  accountSid: true,
  authToken: true,
  apiKey: true,
  apiSecret: true,
  from: true,
  client: true,
  baseUrl: true,
  statusCallbackUrl: true,
  pollMs: true,
  ringSeconds: true,
  machineDetection: true,
  timeoutMs: true,
  offers: true,
  name: true,
  now: true,
  fetch: true,
}

/** Twilio as a provider, with handlers for the requests that Twilio sends to your server. */
export interface TwilioAdapter extends ProviderAdapter {
  call: NonNullable<ProviderAdapter['call']>
  endCall: NonNullable<ProviderAdapter['endCall']>
  records: NonNullable<ProviderAdapter['records']>
  /**
   * Handles a status callback that your server received. When it reports that a call has ended, the `call` that waits for it in
   * this process returns. A `call` in another process finds out by polling. Callbacks may arrive twice and in any order.
   *
   * @throws {InvalidSignatureError} Twilio did not sign it: answer 403. Nothing has changed
   * @throws {ProviderError} `malformed`: Twilio signed it, but it does not report a call's status
   */
  statusCallback(request: TwilioRequest): Promise<TwilioCallUpdate>
  /**
   * Verifies that a request to your server, such as the webhook of an incoming call, comes from Twilio, and returns its fields.
   *
   * @throws {InvalidSignatureError} Twilio did not sign it: answer 403
   */
  webhook(request: TwilioRequest): Promise<SignedForm>
  /**
   * Whether the upgrade request of a media stream comes from Twilio. `url` is the `wss:` URL in your instructions, and
   * `signature` the request's header `x-twilio-signature`.
   */
  verifyUpgrade(url: string, signature: string | null | undefined): Promise<boolean>
  /** What a minute of a call would cost. `undefined` when Twilio quotes no price, or none in US dollars. */
  estimatePrice(ends: CallEnds, context: CallContext): Promise<NanoUsd | undefined>
}

/**
 * Twilio: outbound phone calls. The adapter never places a call twice, and Twilio ends each call at `durationSecondsMax`.
 *
 * The adapter loads and sends nothing before the first call. It then imports the package `twilio` (^5.13 or ^6), unless you pass
 * your own client. It turns the SDK's retries off and ignores its environment variables.
 *
 * @throws {InvalidOptionError} an SID or URL has the wrong form, or a duration is not above zero
 */
export function twilio(options: TwilioOptions): TwilioAdapter {
  checkOptionNames(options, known, 'twilio()')
  checkAdapterOptions(options)
  checkChoice('machineDetection', options.machineDetection, ['Enable', 'DetectMessageEnd'])
  checkOptions(options)
  const name = options.name ?? 'twilio'
  const availability = availabilityOf({
    client: options.client,
    secrets: [options.accountSid, ...(options.apiKey ? [options.apiKey, options.apiSecret] : [options.authToken])],
    reason:
      'no account: set TWILIO_ACCOUNT_SID and TWILIO_AUTH_TOKEN where the server is started, or pass twilio({ accountSid, authToken })',
  })
  const connection = connect(name, options, availability)
  const callbacks = statusCallbacks(name)
  const authToken = options.authToken?.trim()
  return {
    name,
    isSimulated: false,
    get availability() {
      return connection.availability()
    },
    offers: options.offers ?? twilioOffers,
    call: (request, context) => placeCall(connection, request, context),
    callExtraSeconds: extraSeconds(connection.settings.ringSeconds),
    endCall: (callId, context) => endCall(connection, callId, context),
    records: (range, context) => callRecords(connection, range, context),
    webhook: async (request) => validated(await loadValidate(), authToken, request),
    async statusCallback(request) {
      const form = validated(await loadValidate(), authToken, request)
      const update = callbacks.receive(request.url, form)
      connection.watches.tell(update)
      return update
    },
    async verifyUpgrade(url, signature) {
      const validate = await loadValidate()
      return Boolean(authToken && signature && URL.canParse(url) && validate(authToken, signature, url, {}))
    },
    estimatePrice: (ends, context) => estimatePrice(connection, ends, context),
  }
}

function connect(name: string, options: TwilioOptions, availability: Availability): TwilioConnection {
  const accountSid = options.accountSid?.trim() ?? ''
  const http = twilioHttp({
    baseUrl: givenAddress(options.baseUrl),
    timeoutMs: options.timeoutMs ?? 30_000,
    fetch: boundedFetch(options.fetch),
  })
  const [username, password] = options.apiKey ? [options.apiKey, options.apiSecret] : [accountSid, options.authToken]
  const credentials = { accountSid, username: username.trim(), password: password?.trim() ?? '' }
  const { client, now } = options
  const needs = '"twilio" (^5.13 or ^6)'
  return {
    ...connectSdk<TwilioClient>({ name, availability, needs, client, now, load: () => loadTwilioClient(credentials, http) }),
    http,
    isHostClient: client !== undefined,
    settings: {
      from: options.from,
      statusCallbackUrl: options.statusCallbackUrl,
      pollMs: options.pollMs ?? 3_000,
      ringSeconds: options.ringSeconds ?? 60,
      machineDetection: options.machineDetection ?? undefined,
    },
    watches: callWatches(),
  }
}

/** The SDK's signature check, which handles more of the ways proxies rewrite URLs, or our own where the SDK is not installed. */
async function loadValidate(): Promise<ValidateSignature> {
  const sdk = await import('twilio').catch(() => undefined)
  return sdk?.default.validateRequest ?? validateSignature
}

function checkOptions({ accountSid, statusCallbackUrl, pollMs, ringSeconds, timeoutMs }: TwilioOptions): void {
  // The error does not quote the value: someone who mixed up two variables may have put the token here.
  if (accountSid?.trim() && !/^AC[0-9a-fA-F]{32}$/.test(accountSid.trim())) {
    throw new InvalidOptionError('accountSid must be an account’s SID, AC and 32 hexadecimal digits, received something else')
  }
  if (
    statusCallbackUrl !== undefined &&
    !/^https?:$/.test(URL.canParse(statusCallbackUrl) ? new URL(statusCallbackUrl).protocol : '')
  ) {
    throw new InvalidOptionError(
      `statusCallbackUrl must be an http: or https: URL, received ${JSON.stringify(statusCallbackUrl)}`,
    )
  }
  for (const [option, value] of Object.entries({ pollMs, ringSeconds, timeoutMs })) {
    if (value !== undefined && !(Number.isFinite(value) && value > 0)) {
      throw new InvalidOptionError(`${option} must be more than zero, received ${value}`)
    }
  }
}
