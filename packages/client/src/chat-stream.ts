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
    this.#events = chatEvents(opened)
  }

  /**
   * @throws {FareboxApiError} the answer broke off, with the problem that the server told
   * @throws {FareboxConnectionError} the connection broke off (`STREAM_CUT`), or nothing came for too long (`TIMEOUT`)
   */
  [Symbol.asyncIterator](): AsyncGenerator<ChatEvent, void, undefined> {
    return this.#events
  }

  /** The texts alone. */
  async *texts(): AsyncGenerator<string, void, undefined> {
    for await (const event of this) if (event.type === 'text') yield event.text
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
