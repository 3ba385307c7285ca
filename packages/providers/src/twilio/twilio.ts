import {
  type Availability,
  type CallContext,
  type Clock,
  InvalidOptionError,
  type NanoUsd,
  type Offer,
  type ProviderAdapter,
} from '@farebox/core'
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

/** How Twilio is reached, and how its calls are followed. */
export interface TwilioOptions {
  /** The account's SID, `AC…`. Absent or empty, and without a `client`, the adapter is disabled. */
  accountSid?: string | undefined
  /** The account's token: the key to the API, unless there is an `apiKey`, and what status callbacks are signed with. */
  authToken?: string | undefined
  /** An API key's SID, `SK…`, to be used instead of the token, with `apiSecret`. */
  apiKey?: string | undefined
  apiSecret?: string | undefined
  /** E.164 number that is called from when a request names none. */
  from?: string | undefined
  /** Your own client of the SDK instead of one made here; `accountSid`, `apiKey`, `baseUrl`, `timeoutMs` and `fetch` are then its own. */
  client?: TwilioClient
  /** Where the API is. @defaultValue `https://api.twilio.com` */
  baseUrl?: string
  /** Where your server takes status callbacks, as Twilio reaches it. Hand them to {@link TwilioAdapter.statusCallback}. @defaultValue none are sent */
  statusCallbackUrl?: string
  /** How long a call is left alone before Twilio is asked how it is; each pause is longer than the one before, up to eight times as long. @defaultValue 3_000 */
  pollMs?: number
  /** Seconds that a phone rings before it counts as not answered, 600 at most. @defaultValue 60 */
  ringSeconds?: number
  /** Whether to find out if a machine answers. Twilio charges for it, beside the call's price. @defaultValue it does not */
  machineDetection?: 'Enable' | 'DetectMessageEnd'
  /** How long one request may take. @defaultValue 30_000 */
  timeoutMs?: number
  /** What is sold. @defaultValue {@link twilioOffers} */
  offers?: readonly Offer[]
  /** The name of the adapter; give each its own when two stand side by side. @defaultValue `twilio` */
  name?: string
  /** Tells the time. @defaultValue the host's clock */
  now?: Clock
  /** @defaultValue the global `fetch` */
  fetch?: typeof globalThis.fetch
}

/** Twilio as a provider, and what your server needs to hear from it. */
export interface TwilioAdapter extends ProviderAdapter {
  call: NonNullable<ProviderAdapter['call']>
  endCall: NonNullable<ProviderAdapter['endCall']>
  records: NonNullable<ProviderAdapter['records']>
  /**
   * Takes a status callback that came to your server. The call that it tells of, if it waits here, ends with it; polling does the same for one
   * that waits in another process. A callback may come twice and in any order.
   *
   * @throws {InvalidSignatureError} it is not Twilio's: answer 403. Nothing has changed.
   * @throws {ProviderError} `malformed`: it is Twilio's, and not about the status of a call
   */
  statusCallback(request: TwilioRequest): Promise<TwilioCallUpdate>
  /**
   * Makes sure that a request to your server is Twilio's, such as the webhook of a call that comes in, and tells its fields.
   *
   * @throws {InvalidSignatureError} it is not Twilio's: answer 403
   */
  webhook(request: TwilioRequest): Promise<SignedForm>
  /** Whether the upgrade request of a media stream is Twilio's. `url` is the `wss:` URL of your instructions; `signature` its `x-twilio-signature`. */
  verifyUpgrade(url: string, signature: string | null | undefined): Promise<boolean>
  /** What a minute of a call would cost, or `undefined`: Twilio does not say, or not in US dollars. */
  estimatePrice(ends: CallEnds, context: CallContext): Promise<NanoUsd | undefined>
}

/**
 * Twilio: outbound phone calls. Each is placed once and never again, and ended by Twilio at `durationSecondsMax`.
 *
 * Nothing is loaded or sent before the first call: then the package `twilio` (^5.13 or ^6) is imported, unless you pass a client of your
 * own. Neither retries nor the environment change what is sent.
 *
 * @throws {InvalidOptionError} an option is not what Twilio or a clock can use
 */
export function twilio(options: TwilioOptions): TwilioAdapter {
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
    availability,
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
    baseUrl: options.baseUrl,
    timeoutMs: options.timeoutMs ?? 30_000,
    fetch: options.fetch ?? globalThis.fetch,
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
      machineDetection: options.machineDetection,
    },
    watches: callWatches(),
  }
}

/** The SDK's way to check a signature, which knows more of what proxies do to URLs; ours where the SDK is not installed. */
async function loadValidate(): Promise<ValidateSignature> {
  const sdk = await import('twilio').catch(() => undefined)
  return sdk?.default.validateRequest ?? validateSignature
}

function checkOptions({ accountSid, statusCallbackUrl, pollMs, ringSeconds, timeoutMs }: TwilioOptions): void {
  // The value is not quoted: whoever mixes up two variables has put the token here.
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
