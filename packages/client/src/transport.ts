import { FareboxApiError, FareboxConnectionError, isProblem } from './api-error.ts'
import { check } from './check-given.ts'
import { parseRetryAfter, retryWaitMs } from './retry.ts'
import type { Problem } from './wire/index.ts'

/** How the client reaches a server. */
export interface ConnectionOptions {
  /** Where the API is mounted, without `/api/v1`: `https://example.com`. In a browser, empty for the page's own origin. */
  baseUrl: string
  /** @defaultValue the global `fetch` */
  fetch?: typeof fetch
  /** How often to retry a request after a dropped connection, a timeout, or a 429, 502, 503 or 504. @defaultValue 2 */
  retries?: number
  /**
   * How long one attempt may take, in milliseconds; `Infinity` for no limit. Of a stream: until it begins, and then until each
   * next chunk. @defaultValue 120_000
   */
  timeoutMs?: number
}

/** Options of one request. */
export interface RequestOptions {
  /** Identifies a POST, so that it takes effect once however often it is sent. @defaultValue a new key for each call */
  idempotencyKey?: string
  /** Aborts the request. */
  signal?: AbortSignal
  /** How often to retry. @defaultValue the client's */
  retries?: number
  /** How long one attempt may take, in milliseconds. @defaultValue the client's */
  timeoutMs?: number
}

/** A request to send. */
export interface ApiRequest {
  method: 'GET' | 'POST'
  /** The path beneath `/api/v1`, such as `/credits`, or beneath `baseUrl` itself if `root` is set. */
  path: string
  root?: boolean
  query?: object
  /** A form, or an object that is sent as JSON. */
  body?: FormData | object
  /** The media types that a streamed answer may have. @defaultValue server-sent events */
  streams?: readonly string[]
}

/** A streamed answer that has begun. */
export interface OpenedStream {
  body: ReadableStream<Uint8Array>
  idempotencyKey: string | undefined
  /** Restarts the timeout. To be called for each chunk, and whenever the reader asks for the next one. */
  heard(): void
  /** Stops the timeout. To be called when the reader does not wait for a chunk. */
  ended(): void
  /** The error to throw when the body broke off. */
  failure(cause: unknown): unknown
}

const EVENTS = ['text/event-stream']
const RETRIES = 2
const TIMEOUT_MS = 120_000
/** 24 days. @source HTML standard, timers: a signed integer of 32 bits */
const TIMER_MS_MAX = 2 ** 31 - 1

/** Sends requests, and retries them where that may help and is safe. */
export class Transport {
  readonly #connection: ConnectionOptions
  readonly #baseUrl: string
  readonly #authorization: string

  /** @throws {TypeError} an option is unknown or wrong, `baseUrl` is not an address, or the secret is missing or cannot be sent in a header */
  constructor(connection: ConnectionOptions, name: 'apiKey' | 'adminToken', secret: string) {
    checkNames(connection, name)
    const { fetch, retries, timeoutMs } = connection
    if (fetch && typeof fetch !== 'function') throw new TypeError(`fetch must be a function, received ${typeof fetch}`)
    checkRetries(retries ?? RETRIES)
    checkTimeout(timeoutMs ?? TIMEOUT_MS)
    this.#connection = connection
    this.#baseUrl = checkBaseUrl(connection.baseUrl).replace(/\/+$/, '')
    this.#authorization = `Bearer ${checkSecret(name, secret)}`
  }

  /**
   * @throws {FareboxApiError} the API answered with an error
   * @throws {FareboxConnectionError} there was no answer
   */
  send<Answer>(request: ApiRequest, options: RequestOptions = {}): Promise<Answer> {
    return this.#untilAnswered(request, options, async (attempt) => {
      const response = await this.#begin(attempt)
      const answer = parseJson(await bodyOf(response, attempt))
      // Where no length was sent, as by some proxies, a body that broke off looks whole to `fetch`.
      if (response.ok && answer === undefined && mediaTypeOf(response) === 'application/json') {
        throw attempt.failure(undefined, 'CONNECTION_FAILED', 'broke off before its end')
      }
      // Every answer of the API is an object: anything else came from something in between, such as a proxy.
      if (response.ok && typeof answer === 'object' && answer !== null && !Array.isArray(answer)) return answer as Answer
      throw errorOf(response, answer, attempt)
    })
  }

  /** Sends a request whose answer is streamed. Resolves when the answer begins, and retries only until then. */
  stream(request: ApiRequest, options: RequestOptions = {}): Promise<OpenedStream> {
    return this.#untilAnswered(request, options, async (attempt) => {
      const response = await this.#begin(attempt)
      const { body } = response
      const isStream = response.ok && (request.streams ?? EVENTS).includes(mediaTypeOf(response))
      if (!body || !isStream) throw errorOf(response, parseJson(await bodyOf(response, attempt)), attempt)
      attempt.deadline.restart()
      return {
        body,
        idempotencyKey: attempt.idempotencyKey,
        heard: () => attempt.deadline.restart(),
        ended: () => attempt.deadline.stop(),
        failure: (cause) => attempt.failure(cause, 'STREAM_CUT', 'broke off before its end'),
      }
    })
  }

  async #untilAnswered<Answer>(
    request: ApiRequest,
    options: RequestOptions,
    answered: (attempt: Attempt) => Promise<Answer>,
  ): Promise<Answer> {
    checkRequestNames(options)
    const retries = checkRetries(options.retries ?? this.#connection.retries ?? RETRIES)
    const timeoutMs = checkTimeout(options.timeoutMs ?? this.#connection.timeoutMs ?? TIMEOUT_MS)
    const idempotencyKey = request.method === 'POST' ? (options.idempotencyKey ?? newIdempotencyKey()) : undefined
    for (let failures = 1; ; failures++) {
      const attempt = new Attempt(request, { signal: options.signal, timeoutMs, idempotencyKey })
      try {
        return await answered(attempt)
      } catch (error) {
        attempt.deadline.stop()
        options.signal?.throwIfAborted()
        const waitMs = failures > retries ? undefined : retryWaitMs(error, failures, Math.random())
        if (waitMs === undefined) throw error
        await sleep(waitMs, options.signal)
      }
    }
  }

  async #begin(attempt: Attempt): Promise<Response> {
    const { method, path, root, query, body, streams = EVENTS } = attempt.request
    const accept = ['application/json', ...streams].join(', ')
    const headers = new Headers({ accept, authorization: this.#authorization })
    const { idempotencyKey: key } = attempt
    if (key !== undefined) {
      // One that is no text, or arrives without its blanks, could be that of another request.
      const isText = key === String(key).trim() && /^[ -~\xa1-\xff]+$/.test(key)
      check(isText, 'idempotencyKey must be a header value', key)
      headers.set('idempotency-key', key)
    }
    // `fetch` sets the content type of a form itself, with its boundary.
    const isForm = body instanceof FormData
    if (body && !isForm) headers.set('content-type', 'application/json')
    const send = this.#connection.fetch ?? globalThis.fetch
    // Outside the `try`: a body that cannot become JSON is the caller's mistake, not a failed connection.
    const sent = isForm ? body : body && JSON.stringify(body)
    try {
      return await send(`${this.#baseUrl}${root ? '' : '/api/v1'}${path}${queryString(query)}`, {
        method,
        headers,
        body: sent,
        // A redirected POST would arrive as a GET, and the answer to that would look like its own.
        redirect: method === 'POST' ? 'manual' : 'follow',
        signal: attempt.signal,
      })
    } catch (cause) {
      throw attempt.failure(cause, 'CONNECTION_FAILED', 'was not answered')
    }
  }
}

function checkBaseUrl(url: string): string {
  // In a browser, an address may be relative to the page.
  const isAddress =
    typeof url === 'string' && (/^https?:\/\/[^\s/]/i.test(url) || (typeof location !== 'undefined' && !url.includes(':')))
  // `fetch` sends nothing to an address with a user or a password. The error does not quote it.
  if (isAddress && /^[^/]*\/\/[^/]*@/.test(url))
    throw new TypeError('baseUrl must not have a user or a password, since no request can be sent to it')
  // The path of a request after a query, a fragment or a blank would be part of it.
  check(isAddress && !/[?#]|\s$/.test(url), 'baseUrl must be where the API is mounted, such as https://example.com', url)
  return url
}

/** One of less than none, or of a part, is a mistake. `Infinity` is a choice. */
function checkRetries(retries: number): number {
  checkNumber('retries', retries)
  const isCount = retries >= 0 && (Number.isInteger(retries) || retries === Number.POSITIVE_INFINITY)
  check(isCount, 'retries must be a whole number from 0', retries)
  return retries
}

/** In no time nothing is answered, though the server may have begun to work. */
function checkTimeout(timeoutMs: number): number {
  if (checkNumber('timeoutMs', timeoutMs) > 0) return timeoutMs
  throw new TypeError(`timeoutMs must be above 0, received ${timeoutMs}; Infinity for no limit`)
}

/**
 * Rejects NaN, and what plain JavaScript may pass, such as `'30s'`. Every comparison with them is false, so retries would never end
 * and timeouts never fire.
 */
function checkNumber(name: string, value: number): number {
  check(typeof value === 'number' && !Number.isNaN(value), `${name} must be a number`, value)
  return value
}

/** The error names the problem but never the secret. */
function checkSecret(name: string, secret: string): string {
  const problem =
    typeof secret !== 'string' ? 'is missing' : /[^\x21-\x7e]/.test(secret) ? 'has characters that a key cannot have' : undefined
  if (problem === undefined) return secret
  throw new TypeError(`${name} ${problem}: whoever runs the server gave it to you`)
}

/** Rejects options that are misspelt, which would otherwise be ignored. */
function checkNames(connection: ConnectionOptions, secret: string): void {
  const { baseUrl, fetch, retries, timeoutMs, ...unknown } = connection
  refuse(unknown, `a client has no such option; known are ${secret}, baseUrl, fetch, retries, timeoutMs`)
}

/** A misspelt `idempotencyKey` would otherwise be a new key for each call, and a repeated call would be charged again. */
function checkRequestNames(options: RequestOptions): void {
  const { idempotencyKey, signal, retries, timeoutMs, ...unknown } = options
  refuse(unknown, 'a request has no such option; known are idempotencyKey, signal, retries, timeoutMs')
}

function refuse(unknown: object, why: string): void {
  const names = Object.keys(unknown)
  if (names.length > 0) throw new TypeError(`${names.join(', ')}: ${why}`)
}

/** One attempt to send a request. */
class Attempt {
  readonly request: ApiRequest
  readonly idempotencyKey: string | undefined
  readonly deadline: Deadline
  readonly signal: AbortSignal
  readonly #caller: AbortSignal | undefined

  constructor(
    request: ApiRequest,
    { signal, timeoutMs, idempotencyKey }: { signal?: AbortSignal; timeoutMs: number; idempotencyKey: string | undefined },
  ) {
    this.request = request
    this.idempotencyKey = idempotencyKey
    this.deadline = new Deadline(timeoutMs)
    this.#caller = signal
    this.signal = signal ? AbortSignal.any([signal, this.deadline.signal]) : this.deadline.signal
  }

  /** The error for an attempt that broke off: the caller aborted it, it timed out, or the connection failed. */
  failure(cause: unknown, code: 'CONNECTION_FAILED' | 'STREAM_CUT', what: string): unknown {
    if (this.#caller?.aborted) return this.#caller.reason
    const { method, path } = this.request
    const { idempotencyKey } = this
    if (!this.deadline.signal.aborted) {
      return new FareboxConnectionError(code, `${method} ${path} ${what}`, { cause, idempotencyKey })
    }
    const late = `${method} ${path} did not end within ${this.deadline.ms} ms`
    return new FareboxConnectionError('TIMEOUT', late, { cause, idempotencyKey })
  }
}

/** A timeout: its signal fires `ms` milliseconds after the last restart. */
class Deadline {
  readonly ms: number
  readonly #over = new AbortController()
  #timer: ReturnType<typeof setTimeout> | undefined

  constructor(ms: number) {
    this.ms = ms
    this.restart()
  }

  get signal(): AbortSignal {
    return this.#over.signal
  }

  restart(): void {
    clearTimeout(this.#timer)
    // A timer set for longer than this would fire at once.
    if (this.ms <= TIMER_MS_MAX) this.#timer = setTimeout(() => this.#over.abort(), this.ms)
  }

  stop(): void {
    clearTimeout(this.#timer)
  }
}

function mediaTypeOf({ headers }: Response): string {
  return headers.get('content-type')?.split(';')[0]?.trim().toLowerCase() ?? ''
}

async function bodyOf(response: Response, attempt: Attempt): Promise<string> {
  try {
    return await response.text()
  } catch (cause) {
    throw attempt.failure(cause, 'CONNECTION_FAILED', 'was not answered')
  } finally {
    attempt.deadline.stop()
  }
}

function errorOf(response: Response, answer: unknown, { idempotencyKey }: Attempt): FareboxApiError {
  // A date in `Retry-After` is by the server's clock, which may differ from this one. Pages of other origins cannot read the
  // server's `Date`, and fall back to their own clock.
  const now = Date.parse(response.headers.get('date') ?? '')
  const retryAfterMs = parseRetryAfter(response.headers.get('retry-after'), Number.isNaN(now) ? Date.now() : now)
  return new FareboxApiError(problemOf(response, answer), { retryAfterMs, idempotencyKey })
}

/** Encodes an id as one segment of a path. Throws on what would lead elsewhere, such as `..`, because it cannot be an id. */
export function segment(id: string): string {
  return encodeURIComponent(checkId(id))
}

/** Throws on what is no id. One that is missing would ask for the id `undefined`, or for none. */
export function checkId(id: string): string {
  check(typeof id === 'string' && !['', '.', '..'].includes(id), 'an id was expected', id)
  return id
}

/** 128 random bits. Not `crypto.randomUUID`, which browsers withhold from pages that were not served over HTTPS. */
function newIdempotencyKey(): string {
  return [...crypto.getRandomValues(new Uint8Array(16))].map((byte) => byte.toString(16).padStart(2, '0')).join('')
}

function queryString(query: object = {}): string {
  const given = Object.entries(query).filter(([, value]) => value !== undefined)
  return given.length === 0 ? '' : `?${new URLSearchParams(given.map(([name, value]) => [name, String(value)]))}`
}

function parseJson(text: string): unknown {
  try {
    return JSON.parse(text)
  } catch {
    return undefined
  }
}

/** The problem that the API sent, or one of the same shape if something else answered. */
function problemOf(response: Response, answer: unknown): Problem {
  const { status, statusText } = response
  if (isProblem(answer)) return { ...answer, status }
  return { type: 'about:blank', title: statusText, status, code: `HTTP_${status}`, detail: inWords(response) }
}

function inWords({ status, statusText, ok, type, headers }: Response): string {
  if (ok) return 'the response does not have the expected form'
  const to = status >= 300 && status < 400 ? headers.get('location') : null
  // A browser tells a page that there was a redirect, but not where to.
  if (to !== null || type === 'opaqueredirect') {
    return `the server redirects${to === null ? '' : ` to ${to}`}, which no POST follows: baseUrl must be where the API itself is`
  }
  return `the server answered ${status} ${statusText}`.trim()
}

function sleep(milliseconds: number, signal: AbortSignal | undefined): Promise<void> {
  return new Promise((resolve, reject) => {
    const leave = () => {
      clearTimeout(timer)
      reject(signal?.reason)
    }
    const timer = setTimeout(() => {
      signal?.removeEventListener('abort', leave)
      resolve()
    }, milliseconds)
    signal?.addEventListener('abort', leave, { once: true })
  })
}
