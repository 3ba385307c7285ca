import { asRecord, asRequestId, malformed } from './answer.ts'
import type { Call } from './call.ts'

/** An SDK's answer, and the id under which the provider logged its request. */
export interface SdkAnswer {
  data: unknown
  requestId: string | undefined
  /** The HTTP response. `undefined` if the host has wrapped its client. */
  response?: unknown
}

/** An SDK's answer, and what its promise reveals about the response. */
export interface AnswerAndFacts {
  data: unknown
  /** The HTTP response and the request's id. Empty if the host has wrapped its client. */
  facts: Readonly<Record<string, unknown>>
}

/** Waits within `call` for the answer of an SDK built like OpenAI's. */
export async function sdkAnswer(call: Call, pending: PromiseLike<unknown>): Promise<SdkAnswer> {
  const { data, facts } = await answerAndFacts(call, pending, 'withResponse')
  // With a plain promise, the id is where the SDK puts it in the answer.
  const requestId = asRequestId(facts.request_id) ?? asRequestId(asRecord(data)?._request_id)
  return { data, requestId, response: facts.response }
}

/**
 * Waits within `call` for an SDK's answer, and for what its promise's `method` reveals about the response. A client that the host
 * has wrapped may return a plain promise, which has no such method.
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

/** The headers of an SDK's response object. Empty if it has none. */
export function headersOf(response: unknown): Pick<Headers, 'get'> {
  const headers = asRecord(response)?.headers
  return headers instanceof Headers ? headers : NO_HEADERS
}

const NO_HEADERS: Pick<Headers, 'get'> = { get: () => null }

/**
 * Yields the events of a streamed answer, waiting for each within `call`.
 *
 * @throws {ProviderError} `malformed`: the answer is not a stream
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
