import { asRecord, asText, malformed } from './answer.ts'
import type { Call } from './call.ts'

/** An answer of an SDK, and the id under which the provider logged it. */
export interface SdkAnswer {
  data: unknown
  requestId: string | undefined
}

/** An answer of an SDK, and what its promise tells besides. */
export interface AnswerAndFacts {
  data: unknown
  /** The HTTP response, the request's id. Nothing where the host has wrapped its client. */
  facts: Readonly<Record<string, unknown>>
}

/** Waits within `call` for what a method of OpenAI's generated SDKs, and of those alike, returned. */
export async function sdkAnswer(call: Call, pending: PromiseLike<unknown>): Promise<SdkAnswer> {
  const { data, facts } = await answerAndFacts(call, pending, 'withResponse')
  // Where the promise is a plain one, the id is where the SDK leaves it in the answer.
  return { data, requestId: asText(facts.request_id) ?? asText(asRecord(data)?._request_id) }
}

/**
 * Waits, within `call`, for an answer of an SDK and for what its promise tells besides when asked by `method`. A client that the host has
 * wrapped may return a plain promise, which tells nothing.
 */
export async function answerAndFacts(
  call: Call,
  pending: PromiseLike<unknown>,
  method: 'withResponse' | 'withRawResponse',
): Promise<AnswerAndFacts> {
  const ask = (pending as unknown as Record<string, unknown>)[method]
  if (typeof ask !== 'function') return { data: await call.race(pending), facts: {} }
  const facts = asRecord(await call.race(ask.call(pending) as PromiseLike<unknown>)) ?? {}
  return { data: facts.data, facts }
}

/** The headers among what an SDK tells of a response; none where it tells of none. */
export function headersOf(response: unknown): Pick<Headers, 'get'> {
  const headers = asRecord(response)?.headers
  return headers instanceof Headers ? headers : NO_HEADERS
}

const NO_HEADERS: Pick<Headers, 'get'> = { get: () => null }

/**
 * The events of a streamed answer, each awaited within `call`.
 *
 * @throws {ProviderError} `malformed`: this is no stream
 */
export async function* sdkEvents(
  provider: string,
  call: Call,
  { data, requestId }: SdkAnswer,
): AsyncGenerator<unknown, void, undefined> {
  if (!isAsyncIterable(data)) throw malformed(provider, 'a stream', requestId)
  const events = data[Symbol.asyncIterator]()
  for (;;) {
    const step = await call.race(events.next())
    if (step.done) return
    yield step.value
  }
}

function isAsyncIterable(value: unknown): value is AsyncIterable<unknown> {
  return typeof value === 'object' && value !== null && Symbol.asyncIterator in value
}
