import { FareboxApiError } from './api-error.ts'
import { readEvents } from './read-events.ts'
import type { OpenedStream } from './transport.ts'
import type { ChatAnswer, ChatEvent, Problem } from './wire.ts'

/**
 * An answer as it is produced: texts, and at last who gave it and its receipt. Read it once, with `for await`, {@link texts} or
 * {@link answer}. Stopping to read stops the provider, and what was produced is charged.
 */
export class ChatStream implements AsyncIterable<ChatEvent> {
  readonly #events: AsyncGenerator<ChatEvent, void, undefined>

  /** Made by {@link FareboxClient.agents}. */
  constructor(opened: OpenedStream) {
    // What is read already cannot be cancelled here: its reader ends it.
    this.#events = alsoEnding(chatEvents(opened), () => opened.body.cancel().then(opened.ended, () => undefined))
  }

  /**
   * @throws {FareboxApiError} the answer broke off, with the problem that the server told
   * @throws {FareboxConnectionError} the connection broke off (`STREAM_CUT`), or nothing came for too long (`TIMEOUT`)
   */
  [Symbol.asyncIterator](): AsyncGenerator<ChatEvent, void, undefined> {
    return this.#events
  }

  /** The texts alone. */
  texts(): AsyncGenerator<string, void, undefined> {
    return alsoEnding(textsOf(this), () => this.#events.return())
  }

  /** Reads what is left, and answers it as a whole. */
  async answer(): Promise<ChatAnswer> {
    let text = ''
    for await (const event of this) {
      if (event.type === 'text') text += event.text
      // What a newer server may tell besides is neither.
      if (event.type === 'finish') {
        const { type: _, ...ending } = event
        return { text, ...ending }
      }
    }
    throw new TypeError('the stream has been read already')
  }
}

async function* textsOf(events: AsyncIterable<ChatEvent>): AsyncGenerator<string, void, undefined> {
  for await (const event of events) if (event.type === 'text') yield event.text
}

/** What leaves a generator before it has begun runs nothing of it, and would leave what it reads open. */
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
      // How long its reader takes with it is not the server's time.
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

/** @throws {FareboxConnectionError} it is no event of ours: somebody on the way wrote into the answer */
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
  const { type, problem } = told as { type?: unknown; problem?: unknown }
  return type !== 'error' || (typeof problem === 'object' && problem !== null)
}
