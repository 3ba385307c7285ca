import { Readable } from 'node:stream'
import type { ReadableStream as WebStream } from 'node:stream/web'
import type { Dispatcher } from 'undici'

/** Statuses whose answers have no body, and that `Response` takes none for. */
const WITHOUT_BODY = new Set([204, 205, 304])

/**
 * An answer of undici as a `Response`. A body that is read whole is read by undici itself; the platform's own response and its web stream,
 * which cost more than all the rest, are made only for who asks for what nothing else can give.
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
    // What is not read keeps its connection from being used again.
    if (WITHOUT_BODY.has(answer.statusCode)) answer.body.dump().catch(() => {})
  }

  get headers(): Headers {
    this.#headers ??= new Headers(pairs(this.#answer.headers))
    return this.#headers
  }

  /** One of the headers, without making the platform's object of all of them. @param name  in lower case */
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

  /** The chunks of the body as they come, without a web stream. */
  chunks(): AsyncIterator<Uint8Array> {
    this.#unread()
    return this.#answer.body[Symbol.asyncIterator]()
  }

  async json(): Promise<unknown> {
    return asFetchFails(this.#unread().json())
  }

  async text(): Promise<string> {
    return asFetchFails(this.#unread().text())
  }

  async arrayBuffer(): Promise<ArrayBuffer> {
    return asFetchFails(this.#unread().arrayBuffer())
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
    // undici takes a second reading for a fault of its own.
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

/** A connection that breaks within a body is told in `fetch`'s words, which SDKs and we know by heart, and not in undici's own. */
async function asFetchFails<Value>(reading: Promise<Value>): Promise<Value> {
  try {
    return await reading
  } catch (cause) {
    const { code, name } = cause as Partial<Record<'code' | 'name', unknown>>
    const isBroken = typeof code === 'string' && code !== 'UND_ERR_ABORTED' && name !== 'AbortError'
    throw isBroken ? new TypeError('terminated', { cause }) : cause
  }
}

// What asks whether it is a Response is told yes. Everything that the platform's prototype has is covered above.
Object.setPrototypeOf(Pooled.prototype, Response.prototype)

export { Pooled as PooledResponse }

function pairs(headers: Dispatcher.ResponseData['headers']): [string, string][] {
  return Object.entries(headers).flatMap(([name, value]) =>
    (Array.isArray(value) ? value : [value ?? '']).map((each): [string, string] => [name, each]),
  )
}
