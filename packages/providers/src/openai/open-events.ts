import { asRecord, asRequestId, malformed } from '../adapter/answer.ts'
import { joinBytes } from '../adapter/bytes.ts'
import { closingMark } from '../adapter/closing-mark.ts'
import { EventParser } from '../adapter/event-parser.ts'
import { type Answer, headerOf, readAnswer } from '../adapter/read-body.ts'
import { sdkAnswer } from '../adapter/sdk-answer.ts'
import type { OpenaiConnection, OpenaiRequestOptions, OpenaiTexts } from './openai-client.ts'
import { type OpenaiCall, request } from './send.ts'

/** The events of a streamed answer. */
export interface OpenedEvents {
  requestId: string | undefined
  /**
   * The events that arrived together. If one is unreadable, those before it come first, and the next call throws.
   */
  next(): Promise<IteratorResult<readonly unknown[], undefined>>
  /**
   * After the closing mark, resolves when the body has ended and its connection can be reused, or after a second. Before the
   * mark, `undefined`.
   */
  idle(): Promise<void> | undefined
}

/**
 * Opens a streamed answer. It parses events from the response itself, because the SDK passes each event through several
 * generators, which costs more than the rest of a stream. A client that the host has wrapped may offer only the SDK's events.
 */
export async function openEvents(
  connection: OpenaiConnection,
  call: OpenaiCall,
  create: (client: OpenaiTexts, options: OpenaiRequestOptions) => PromiseLike<unknown>,
): Promise<OpenedEvents> {
  const { pending } = await request(connection, call, { client: connection.texts, create })
  const { asResponse } = pending as { asResponse?: () => PromiseLike<Answer> }
  if (typeof asResponse === 'function') {
    const response = await call.race(asResponse.call(pending))
    const requestId = asRequestId(headerOf(response, 'x-request-id'))
    return { requestId, ...eventsOf(readAnswer(response, call), call, requestId) }
  }
  const { data, requestId } = await sdkAnswer(call, pending)
  if (!isAsyncIterable(data)) throw malformed(connection.name, 'a stream', requestId)
  const events = data[Symbol.asyncIterator]()
  return {
    requestId,
    async next() {
      const step = await call.race(events.next())
      return step.done ? { done: true, value: undefined } : { done: false, value: [step.value] }
    },
    idle: () => undefined,
  }
}

function eventsOf(chunks: AsyncIterator<Uint8Array>, call: OpenaiCall, requestId: string | undefined) {
  const parser = new EventParser()
  /**
   * The chunks of an answer that may be plain JSON, as no stream begins with a brace. Some servers answer 200 to what they refuse,
   * with the error alone, or do not stream: then the whole answer is the only event.
   */
  let plain: Uint8Array[] | undefined = []
  let failure: { thrown: unknown } | undefined
  let isDone = false
  async function next(): Promise<IteratorResult<readonly unknown[], undefined>> {
    while (!isDone && !failure) {
      const step = await call.race(chunks.next())
      if (step.done) {
        const whole = plain?.length ? parseWhole(new TextDecoder().decode(joinBytes(plain)), requestId) : undefined
        if (whole === undefined) break
        plain = undefined
        return { done: false, value: [whole] }
      }
      if (plain?.length === 0 && step.value[0] !== BRACE) plain = undefined
      plain?.push(step.value)
      const events: unknown[] = []
      try {
        for (const data of parser.read(step.value)) {
          isDone = data === '[DONE]'
          if (isDone) break
          events.push(parse(data, requestId))
        }
      } catch (thrown) {
        failure = { thrown }
      }
      if (events.length > 0) return { done: false, value: events }
    }
    if (failure) throw failure.thrown
    return { done: true, value: undefined }
  }
  return { next, idle: () => (isDone ? endOf(chunks) : undefined) }
}

/** Parses an event as the SDK does: an error event throws. */
function parse(data: string, requestId: string | undefined): unknown {
  const event: unknown = JSON.parse(data)
  const { error } = asRecord(event) ?? {}
  if (error) throw { ...asRecord(error), requestID: requestId }
  return event
}

/** Parses an answer that came whole. A response that failed tells beside its error what it used, so its reader throws that. */
function parseWhole(data: string, requestId: string | undefined): unknown {
  const answer: unknown = JSON.parse(data)
  return Array.isArray(asRecord(answer)?.output) ? answer : parse(data, requestId)
}

const BRACE = 0x7b

/** Waits for the body's end. After the closing mark nothing matters, not even a failure. */
async function endOf(chunks: AsyncIterator<Uint8Array>): Promise<void> {
  await closingMark(chunks.next().catch(() => undefined))
}

function isAsyncIterable(value: unknown): value is AsyncIterable<unknown> {
  return typeof value === 'object' && value !== null && Symbol.asyncIterator in value
}
