import type { ToolCall } from '@farebox/core'
import { type ChatOutcome, type ChatStreamEvent, ChatSum } from './chat-outcome.ts'
import { beginning, callItem, messageItem, type ResponseEnvelope, responseObject, textPart } from './response-object.ts'
import type { ServedStream } from './serve-stream.ts'

type Json = Record<string, unknown>

/**
 * A response as events: each text and each call of a tool is an item that is added, filled and done. The last event holds the whole, and
 * what it cost under `farebox`.
 *
 * @throws {StreamCutError} the answer ended early
 */
export async function* responseEvents(
  events: AsyncIterable<ChatStreamEvent>,
  { settled }: ServedStream,
  envelope: ResponseEnvelope,
): AsyncGenerator<Json, ChatOutcome, undefined> {
  const numbered = numbering()
  const items = new OutputItems(envelope.identity.id)
  const sum = new ChatSum()
  yield numbered({ type: 'response.created', response: beginning(envelope) })
  yield numbered({ type: 'response.in_progress', response: beginning(envelope) })
  for await (const event of events) {
    sum.add(event)
    for (const told of items.read(event)) yield numbered(told)
  }
  const outcome = sum.outcome(envelope.identity)
  for (const told of items.close()) yield numbered(told)
  const response = { ...responseObject(outcome, envelope), output: items.done }
  yield numbered({ type: `response.${String(response.status)}`, response: { ...response, farebox: await settled() } })
  return outcome
}

/** Numbers events, as OpenAI's are. */
function numbering(): (event: Json) => Json {
  let next = 0
  return (event) => ({ ...event, sequence_number: next++ })
}

/** The items of an answer's output while they are being filled. One is open at a time: the next closes it. */
class OutputItems {
  /** Those that are filled, in their order. */
  readonly done: ReturnType<typeof messageItem | typeof callItem>[] = []
  readonly #id: string
  #count = 0
  #texts = 0
  #open:
    | { kind: 'text'; id: string; place: Json; text: string }
    | { kind: 'call'; index: number; place: Json; call: ToolCall }
    | undefined

  constructor(id: string) {
    this.#id = id
  }

  *read(event: ChatStreamEvent): Generator<Json, void, undefined> {
    if (event.type === 'text') {
      if (this.#open?.kind !== 'text') yield* this.#openText()
      if (this.#open?.kind !== 'text') return
      this.#open.text += event.text
      yield { type: 'response.output_text.delta', ...this.#open.place, delta: event.text, logprobs: [] }
    } else if (event.type === 'tool_call') {
      if (this.#open?.kind !== 'call' || this.#open.index !== event.index) yield* this.#openCall(event)
      if (this.#open?.kind !== 'call' || event.arguments === '') return
      this.#open.call.arguments += event.arguments
      yield { type: 'response.function_call_arguments.delta', ...this.#open.place, delta: event.arguments }
    }
  }

  /** An answer without any content is still a message. */
  *close(): Generator<Json, void, undefined> {
    if (this.#count === 0) yield* this.#openText()
    yield* this.#closeOpen()
  }

  *#openText(): Generator<Json, void, undefined> {
    yield* this.#closeOpen()
    const output_index = this.#count++
    // What is said after a call is a message of its own.
    const id = this.#texts++ === 0 ? this.#id : `${this.#texts}_${this.#id}`
    const item = messageItem(id, [], 'in_progress')
    const place = { output_index, content_index: 0, item_id: item.id }
    this.#open = { kind: 'text', id, place, text: '' }
    yield { type: 'response.output_item.added', output_index, item }
    yield { type: 'response.content_part.added', ...place, part: textPart('') }
  }

  *#openCall({ index, id = '', name = '' }: { index: number; id?: string; name?: string }): Generator<Json, void, undefined> {
    yield* this.#closeOpen()
    const output_index = this.#count++
    const call = { id, name, arguments: '' }
    const item = callItem(this.#id, index, call, 'in_progress')
    this.#open = { kind: 'call', index, place: { output_index, item_id: item.id }, call }
    yield { type: 'response.output_item.added', output_index, item }
  }

  *#closeOpen(): Generator<Json, void, undefined> {
    const open = this.#open
    this.#open = undefined
    if (!open) return
    const { output_index } = open.place
    if (open.kind === 'text') {
      const part = textPart(open.text)
      yield { type: 'response.output_text.done', ...open.place, text: open.text, logprobs: [] }
      yield { type: 'response.content_part.done', ...open.place, part }
      yield this.#isDone(output_index, messageItem(open.id, [part]))
    } else {
      const { name, arguments: text } = open.call
      yield { type: 'response.function_call_arguments.done', ...open.place, name, arguments: text }
      yield this.#isDone(output_index, callItem(this.#id, open.index, open.call))
    }
  }

  #isDone(output_index: unknown, item: (typeof this.done)[number]): Json {
    this.done.push(item)
    return { type: 'response.output_item.done', output_index, item }
  }
}
