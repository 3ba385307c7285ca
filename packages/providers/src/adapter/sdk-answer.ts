import { asRecord, asText, malformed } from './answer.ts'
import type { Call } from './call.ts'

/** An answer of an SDK, and the id under which the provider logged it. */
export interface SdkAnswer {
  data: unknown
  requestId: string | undefined
}

/**
 * Waits within `call` for what a method of a generated SDK returned: a promise that knows its response. A client that the host has
 * wrapped may return a plain promise, and then the id is where the SDK leaves it in the answer.
 */
export async function sdkAnswer(call: Call, pending: PromiseLike<unknown>): Promise<SdkAnswer> {
  if (!('withResponse' in pending) || typeof pending.withResponse !== 'function') {
    const data = await call.race(pending)
    return { data, requestId: asText(asRecord(data)?._request_id) }
  }
  const answer: unknown = await call.race(pending.withResponse() as PromiseLike<unknown>)
  return { data: asRecord(answer)?.data, requestId: asText(asRecord(answer)?.request_id) }
}

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
