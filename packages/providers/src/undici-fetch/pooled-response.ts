import { Readable } from 'node:stream'
import type { ReadableStream as WebStream } from 'node:stream/web'
import type { Dispatcher } from 'undici'

/** Statuses whose answers have no body, and that `Response` takes none for. */
const WITHOUT_BODY = new Set([204, 205, 304])

/**
 * An answer of undici as a `Response`. A body that is read whole is read by undici itself; a web stream, which costs more than all the
 * rest, is made only for who asks for one.
 */
export class PooledResponse extends Response {
  readonly #answer: Dispatcher.ResponseData
  #streamed: Response | undefined

  constructor(answer: Dispatcher.ResponseData) {
    super(null, { status: answer.statusCode, headers: pairs(answer.headers) })
    this.#answer = answer
    // What is not read keeps its connection from being used again.
    if (WITHOUT_BODY.has(answer.statusCode)) answer.body.dump().catch(() => {})
  }

  override get body(): Response['body'] {
    return this.#asStream().body
  }

  override get bodyUsed(): boolean {
    return this.#streamed?.bodyUsed ?? this.#answer.body.bodyUsed
  }

  /** The chunks of the body as they come, without a web stream. */
  chunks(): AsyncIterator<Uint8Array> {
    if (this.bodyUsed) throw new TypeError('Body is unusable: Body has already been read')
    return this.#answer.body[Symbol.asyncIterator]()
  }

  override async json(): Promise<unknown> {
    return this.#unread().json()
  }

  override async text(): Promise<string> {
    return this.#unread().text()
  }

  override async arrayBuffer(): Promise<ArrayBuffer> {
    return this.#unread().arrayBuffer()
  }

  override blob(): ReturnType<Response['blob']> {
    return this.#asStream().blob()
  }

  override bytes(): ReturnType<Response['bytes']> {
    return this.#asStream().bytes()
  }

  override formData(): ReturnType<Response['formData']> {
    return this.#asStream().formData()
  }

  override clone(): Response {
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

function pairs(headers: Dispatcher.ResponseData['headers']): [string, string][] {
  return Object.entries(headers).flatMap(([name, value]) =>
    (Array.isArray(value) ? value : [value ?? '']).map((each): [string, string] => [name, each]),
  )
}
