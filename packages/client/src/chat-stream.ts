import { FareboxApiError, isProblem } from './api-error.ts'
import { readEvents } from './read-events.ts'
import type { OpenedStream } from './transport.ts'
import type { ChatAnswer, ChatEvent, Problem } from './wire/index.ts'

/**
 * An answer as it is produced: text events, then a `finish` event with the provider and the receipt. Read it once, with
 * `for await`, {@link texts} or {@link answer}. If you stop reading, the provider stops too, and what it has produced is charged.
 */
export class ChatStream implements AsyncIterable<ChatEvent> {
  readonly #events: AsyncGenerator<ChatEvent, void, undefined>

  /** Made by {@link FareboxClient.agents}. */
  constructor(opened: OpenedStream) {
    // Once reading has begun, the body is locked and `cancel` rejects: its reader ends it then.
    this.#events = alsoEnding(chatEvents(opened), () => opened.body.cancel().then(opened.ended, () => undefined))
  }

  /**
   * @throws {FareboxApiError} the server ended the answer with a problem
   * @throws {FareboxConnectionError} the connection broke off (`STREAM_CUT`), or nothing came for too long (`TIMEOUT`)
   */
  [Symbol.asyncIterator](): AsyncGenerator<ChatEvent, void, undefined> {
    return this.#events
  }

  /** Iterates over the text of the answer only. */
  texts(): AsyncGenerator<string, void, undefined> {
    return alsoEnding(textsOf(this), () => this.#events.return())
  }

  /** Reads the rest of the stream and returns it as one answer. */
  async answer(): Promise<ChatAnswer> {
    let text = ''
    for await (const event of this) {
      if (event.type === 'text') text += event.text
      // A newer server may send other types of events: skip them.
      if (event.type === 'finish') {
        const { type: _, ...ending } = event
        return { text, ...ending }
      }
    }
    throw new TypeError('the stream has already been read')
  }
}

async function* textsOf(events: AsyncIterable<ChatEvent>): AsyncGenerator<string, void, undefined> {
  for await (const event of events) if (event.type === 'text') yield event.text
}

/** Also runs `end` on `return`: a generator that has not started runs no `finally` then, and would leave its source open. */
function alsoEnding<Entry>(
  generator: AsyncGenerator<Entry, void, undefined>,
  end: () => Promise<unknown>,
): AsyncGenerator<Entry, void, undefined> {
  const leave = generator.return.bind(generator)
  generator.return = async (value) => {
    await end()
    return leave(value)
  }
  return generator
}

async function* chatEvents(opened: OpenedStream): AsyncGenerator<ChatEvent, void, undefined> {
  const events = readEvents(opened.body, opened.heard)
  try {
    for (;;) {
      const step = await events.next().catch((cause: unknown) => {
        throw opened.failure(cause)
      })
      if (step.done) throw opened.failure(undefined)
      const told = read(step.value.data, opened)
      if (told.type === 'error') throw new FareboxApiError(told.problem, { idempotencyKey: opened.idempotencyKey })
      // The time that the reader takes does not count against the server.
      opened.ended()
      yield told
      if (told.type === 'finish') return
      opened.heard()
    }
  } finally {
    opened.ended()
    await events.return()
  }
}

/** @throws {FareboxConnectionError} the data is not a Farebox event: something in between, such as a proxy, wrote it */
function read(data: string, opened: OpenedStream): ChatEvent | { type: 'error'; problem: Problem } {
  try {
    const told: unknown = JSON.parse(data)
    if (isEvent(told)) return told
  } catch (cause) {
    throw opened.failure(cause)
  }
  throw opened.failure(undefined)
}

function isEvent(told: unknown): told is ChatEvent | { type: 'error'; problem: Problem } {
  if (typeof told !== 'object' || told === null) return false
  const { type, text, problem } = told as { type?: unknown; text?: unknown; problem?: unknown }
  if (type === 'text') return typeof text === 'string'
  if (type === 'error') return isProblem(problem)
  return typeof type === 'string'
}
