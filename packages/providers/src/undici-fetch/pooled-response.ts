import { Readable } from 'node:stream'
import type { ReadableStream as WebStream } from 'node:stream/web'
import type { Dispatcher } from 'undici'

/** Statuses without a body. The `Response` constructor accepts none for them. */
const WITHOUT_BODY = new Set([204, 205, 304])

/**
 * An undici response as a `Response`. undici itself reads a body that the caller wants whole. The platform's response and web
 * stream cost more than everything else, so this class makes them only for callers that need them.
 */
class Pooled implements Response {
  readonly status: number
  readonly ok: boolean
  readonly redirected = false
  readonly type = 'default'
  readonly url: string
  readonly #answer: Dispatcher.ResponseData
  #headers: Headers | undefined
  #streamed: Response | undefined

  constructor(answer: Dispatcher.ResponseData, url: string) {
    this.#answer = answer
    this.url = url
    this.status = answer.statusCode
    this.ok = this.status >= 200 && this.status < 300
    const { body } = answer
    const destroy = body.destroy.bind(body)
    // However the body is read, its reader gets this error.
    body.destroy = (cause) => destroy(cause && asFetchFails(cause))
    // An unread body keeps its connection out of the pool.
    if (WITHOUT_BODY.has(answer.statusCode)) answer.body.dump().catch(() => {})
  }

  get headers(): Headers {
    this.#headers ??= new Headers(pairs(this.#answer.headers))
    return this.#headers
  }

  /** Reads one header without building a `Headers` object. @param name  in lower case */
  header(name: string): string | null {
    const value = this.#answer.headers[name]
    return (Array.isArray(value) ? value.join(', ') : value) ?? null
  }

  get statusText(): string {
    return this.#answer.statusText ?? ''
  }

  get body(): Response['body'] {
    return this.#asStream().body
  }

  get bodyUsed(): boolean {
    return this.#streamed?.bodyUsed ?? this.#answer.body.bodyUsed
  }

  /** The chunks of the body as they arrive, without a web stream. */
  chunks(): AsyncIterator<Uint8Array> {
    this.#unread()
    // A web stream, once made, takes the chunks for itself.
    return (this.#streamed?.body ?? this.#answer.body)[Symbol.asyncIterator]()
  }

  async json(): Promise<unknown> {
    return this.#unread().json()
  }

  async text(): Promise<string> {
    return this.#unread().text()
  }

  async arrayBuffer(): Promise<ArrayBuffer> {
    return this.#unread().arrayBuffer()
  }

  blob(): ReturnType<Response['blob']> {
    return this.#asStream().blob()
  }

  bytes(): ReturnType<Response['bytes']> {
    return this.#asStream().bytes()
  }

  formData(): ReturnType<Response['formData']> {
    return this.#asStream().formData()
  }

  clone(): Response {
    return this.#asStream().clone()
  }

  #unread(): Pick<Response, 'json' | 'text' | 'arrayBuffer'> {
    // undici reports a second read as an internal error.
    if (this.bodyUsed) throw new TypeError('Body is unusable: Body has already been read')
    return this.#streamed ?? this.#answer.body
  }

  #asStream(): Response {
    if (this.#streamed) return this.#streamed
    const { status, headers } = this
    const body = WITHOUT_BODY.has(status) ? null : (Readable.toWeb(this.#answer.body) as WebStream<Uint8Array>)
    this.#streamed = new Response(body as BodyInit | null, { status, headers })
    return this.#streamed
  }
}

/**
 * A connection that breaks within a body, as the error that global `fetch` throws, which SDKs and `sdkError` recognize: unlike one
 * that could not be opened, the provider may bill for it.
 */
function asFetchFails(cause: Error): Error {
  const { code, name } = cause as Partial<Record<'code' | 'name', unknown>>
  const isBroken = name === 'HTTPParserError' || (typeof code === 'string' && BROKEN.test(code))
  return isBroken ? new TypeError('terminated', { cause }) : cause
}

/** Codes of the operating system, Node and undici, except that of a reader who left. */
const BROKEN = /^(E[A-Z0-9]+|ERR_\w+|HPE_\w+|UND_ERR_(?!ABORTED)\w+)$/

// Makes `instanceof Response` true. The class covers every member of the platform's prototype.
Object.setPrototypeOf(Pooled.prototype, Response.prototype)

export { Pooled as PooledResponse }

function pairs(headers: Dispatcher.ResponseData['headers']): [string, string][] {
  return Object.entries(headers).flatMap(([name, value]) =>
    (Array.isArray(value) ? value : [value ?? '']).map((each): [string, string] => [name, each]),
  )
}
