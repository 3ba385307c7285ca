import { asRecord } from './answer.ts'
import type { Call } from './call.ts'

/** An answer of an SDK. */
export interface AnswerAndFacts {
  data: unknown
  /** What the SDK tells besides: the HTTP response, the request's id. Nothing where the host has wrapped its client. */
  facts: Readonly<Record<string, unknown>>
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
