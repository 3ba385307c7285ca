import { AsyncLocalStorage } from 'node:async_hooks'
import { base64OfBytes } from '../adapter/bytes.ts'
import { causes } from '../adapter/sdk-error.ts'

/** One request of the SDK, as its caller observes it. */
export interface TwilioExchange {
  /** Aborts the request. */
  signal: AbortSignal
  /** Whether the provider may have received it, unless {@link neverConnected} proves the opposite. */
  wasSent: boolean
  /** The answer's headers, which the SDK's errors omit. */
  headers?: Headers
}

/** The part of the SDK's `httpClient` request that we use. */
export interface TwilioHttpRequest {
  method: string
  uri: string
  username?: string
  password?: string
  headers?: Record<string, string>
  params?: object
  data?: object
}

/** The answer that the SDK expects. It parses the body, JSON text, itself. */
export interface TwilioHttpAnswer {
  statusCode: number
  body: string
  headers: Record<string, string>
}

/** The HTTP client through which the SDK sends its requests. */
export interface TwilioHttp {
  /** The SDK's `httpClient`. */
  readonly client: { request(request: TwilioHttpRequest): Promise<TwilioHttpAnswer> }
  /** Runs `work` with `exchange` for its requests, because the SDK's methods take no options for a single request. */
  run<T>(exchange: TwilioExchange, work: () => T): T
}

export interface TwilioHttpOptions {
  /** The base URL of every request, whatever the SDK, its answers or the environment say. @defaultValue Twilio's own addresses */
  baseUrl?: string
  /** The timeout of one request, in milliseconds. */
  timeoutMs: number
  fetch: typeof globalThis.fetch
}

/** The longest that a timer runs. One of more time ends at once. */
const TIMER_MS_MAX = 2 ** 31 - 1

/** The whole milliseconds of a timer that runs for `milliseconds`, or for as long as one can. */
export function timerMs(milliseconds: number): number {
  return Math.min(Math.ceil(milliseconds), TIMER_MS_MAX)
}

/**
 * Sends the SDK's requests with `fetch`. It never retries, because a phone that may be ringing must not be called again. It
 * follows no redirect, because the key would travel along.
 */
export function twilioHttp({ baseUrl, timeoutMs, fetch }: TwilioHttpOptions): TwilioHttp {
  const exchanges = new AsyncLocalStorage<TwilioExchange>()
  return {
    client: {
      async request({ method, uri, username, password, headers, params, data }) {
        const exchange = exchanges.getStore()
        exchange?.signal.throwIfAborted()
        const url = addressOf(uri, baseUrl)
        for (const [name, value] of fields(params)) url.searchParams.append(name, value)
        const { bodyHeaders, ...body } = data === undefined ? {} : sentOnce(new URLSearchParams(fields(data)).toString())
        const limit = AbortSignal.timeout(timerMs(timeoutMs))
        if (exchange) exchange.wasSent = true
        const response = await fetch(url, {
          method: method.toUpperCase(),
          headers: {
            ...headers,
            ...bodyHeaders,
            authorization: `Basic ${base64OfBytes(new TextEncoder().encode(`${username}:${password}`))}`,
          },
          ...body,
          redirect: 'manual',
          signal: exchange ? AbortSignal.any([exchange.signal, limit]) : limit,
        })
        if (exchange) exchange.headers = response.headers
        return { statusCode: response.status, body: await response.text(), headers: Object.fromEntries(response.headers) }
      },
    },
    run: (exchange, work) => exchanges.run(exchange, work),
  }
}

/**
 * Whether `thrown` proves that no connection opened and the provider received nothing: name resolution failed, nothing listened,
 * or we rejected the certificate. A broken connection proves nothing.
 */
export function neverConnected(thrown: unknown): boolean {
  return causes(thrown).some((link) => {
    const { code, syscall, errors } = link as { code?: unknown; syscall?: unknown; errors?: unknown }
    if (syscall === 'connect' || syscall === 'getaddrinfo') return true
    if (Array.isArray(errors) && errors.length > 0) return errors.every(neverConnected)
    return code === 'ECONNREFUSED' || code === 'UND_ERR_CONNECT_TIMEOUT' || /CERT/.test(String(code ?? ''))
  })
}

const API = 'https://api.twilio.com'
const PRICING = 'https://pricing.twilio.com'

function addressOf(uri: string, baseUrl: string | undefined): URL {
  const asked = new URL(uri)
  const base = baseUrl ?? (asked.hostname.startsWith('pricing.') ? PRICING : API)
  return new URL(base.replace(/\/+$/, '') + asked.pathname + asked.search)
}

/**
 * A body that can be read only once, so that `fetch` cannot resend it. Its specification lets it resend other bodies when a
 * server answers 421, and Node does.
 */
function sentOnce(text: string): { bodyHeaders: Record<string, string>; body: ReadableStream<Uint8Array>; duplex: 'half' } {
  const bytes = new TextEncoder().encode(text)
  const body = new ReadableStream<Uint8Array>({
    start(controller) {
      controller.enqueue(bytes)
      controller.close()
    },
  })
  return { bodyHeaders: { 'content-length': String(bytes.length) }, body, duplex: 'half' }
}

/** The fields of a form. A list becomes one field for each item. */
function fields(form: object | undefined): [string, string][] {
  return Object.entries(form ?? {}).flatMap(([name, value]): [string, string][] => {
    if (value === undefined || value === null) return []
    return Array.isArray(value) ? value.map((item) => [name, String(item)]) : [[name, String(value)]]
  })
}
