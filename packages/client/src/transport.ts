import { FareboxApiError, FareboxConnectionError } from './api-error.ts'
import { parseRetryAfter, retryWaitMs } from './retry.ts'
import type { Problem } from './wire.ts'

/** How a server is reached. */
export interface ConnectionOptions {
  /** Where the API is mounted, without `/api/v1`: `https://example.com`, or empty for the page's own origin. */
  baseUrl: string
  /** @defaultValue the global one */
  fetch?: typeof fetch
  /** How often a request is sent again after a dropped connection, a timeout, or a 429, 502, 503 or 504. @defaultValue 2 */
  retries?: number
  /** How long one attempt may take. @defaultValue 120_000 */
  timeoutMs?: number
}

/** How one request is made. */
export interface RequestOptions {
  /** Names a POST, so that it has its effect once however often it is sent. @defaultValue a new one for each call */
  idempotencyKey?: string
  /** Gives up when it fires. */
  signal?: AbortSignal
  /** @defaultValue the client's */
  retries?: number
  /** How long one attempt may take. @defaultValue the client's */
  timeoutMs?: number
}

/** A request before it is sent. */
export interface ApiRequest {
  method: 'GET' | 'POST'
  /** Under `/api/v1`: `/credits`. */
  path: string
  query?: object
  /** A form, or what becomes JSON. */
  body?: FormData | object
  /** `text`: an answer that is no JSON is given as it is. @defaultValue `json` */
  as?: 'json' | 'text'
}

const RETRIES = 2
const TIMEOUT_MS = 120_000

/** Sends requests, and sends them again when that may help and can do no harm. */
export class Transport {
  readonly #connection: ConnectionOptions
  readonly #baseUrl: string
  readonly #authorization: string

  /** @param secret  the API key or admin token */
  constructor(connection: ConnectionOptions, secret: string) {
    this.#connection = connection
    this.#baseUrl = connection.baseUrl.replace(/\/+$/, '')
    this.#authorization = `Bearer ${secret}`
  }

  /**
   * @throws {FareboxApiError} the API answered with an error
   * @throws {FareboxConnectionError} nobody answered
   */
  async send<Answer>(request: ApiRequest, options: RequestOptions = {}): Promise<Answer> {
    const retries = options.retries ?? this.#connection.retries ?? RETRIES
    const idempotencyKey = request.method === 'POST' ? (options.idempotencyKey ?? newIdempotencyKey()) : undefined
    for (let failures = 1; ; failures++) {
      try {
        return await this.#attempt<Answer>(request, options, idempotencyKey)
      } catch (error) {
        options.signal?.throwIfAborted()
        const waitMs = failures > retries ? undefined : retryWaitMs(error, failures, Math.random())
        if (waitMs === undefined) throw error
        await sleep(waitMs, options.signal)
      }
    }
  }

  async #attempt<Answer>(
    { method, path, query, body, as = 'json' }: ApiRequest,
    options: RequestOptions,
    idempotencyKey: string | undefined,
  ): Promise<Answer> {
    const timeoutMs = options.timeoutMs ?? this.#connection.timeoutMs ?? TIMEOUT_MS
    const timeout = AbortSignal.timeout(timeoutMs)
    const headers = new Headers({ accept: 'application/json', authorization: this.#authorization })
    if (idempotencyKey !== undefined) headers.set('idempotency-key', idempotencyKey)
    // A form brings its own content type, with its boundary.
    const isForm = body instanceof FormData
    if (body && !isForm) headers.set('content-type', 'application/json')
    const send = this.#connection.fetch ?? globalThis.fetch
    let response: Response
    let text: string
    try {
      response = await send(`${this.#baseUrl}/api/v1${path}${queryString(query)}`, {
        method,
        headers,
        body: isForm ? body : body && JSON.stringify(body),
        signal: options.signal ? AbortSignal.any([options.signal, timeout]) : timeout,
      })
      text = await response.text()
    } catch (cause) {
      const [code, what] = timeout.aborted
        ? (['TIMEOUT', `did not end within ${timeoutMs} ms`] as const)
        : (['CONNECTION_FAILED', 'was not answered'] as const)
      throw new FareboxConnectionError(code, `${method} ${path} ${what}`, { cause, idempotencyKey })
    }
    if (response.ok && as === 'text') return text as Answer
    const answer = parseJson(text)
    if (response.ok && answer !== undefined) return answer as Answer
    throw new FareboxApiError(problemOf(response, answer), {
      retryAfterMs: parseRetryAfter(response.headers.get('retry-after'), Date.now()),
      idempotencyKey,
    })
  }
}

/** One segment of a path. What would lead elsewhere (`..`) is refused, for it can be no id. */
export function segment(id: string): string {
  if (id === '' || id === '.' || id === '..') throw new TypeError(`an id was expected, received ${JSON.stringify(id)}`)
  return encodeURIComponent(id)
}

/** 128 random bits. Not `crypto.randomUUID`, which browsers keep from pages that were not served over HTTPS. */
function newIdempotencyKey(): string {
  return Array.from(crypto.getRandomValues(new Uint8Array(16)), (byte) => byte.toString(16).padStart(2, '0')).join('')
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

/** The problem that the API sent, or one in its shape where somebody else answered. */
function problemOf({ status, statusText, ok }: Response, answer: unknown): Problem {
  if (typeof answer === 'object' && answer !== null && 'code' in answer && 'detail' in answer) {
    return { ...(answer as Problem), status }
  }
  const detail = ok ? 'the answer is not JSON' : `the server answered ${status} ${statusText}`.trim()
  return { type: 'about:blank', title: statusText, status, code: `HTTP_${status}`, detail }
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
