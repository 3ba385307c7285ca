import type { ToolCall } from '@farebox/core'
import { type ChatOutcome, type ChatStreamEvent, ChatSum } from './chat-outcome.ts'
import {
  beginning,
  callItem,
  lastStatus,
  messageItem,
  type ResponseEnvelope,
  refusalPart,
  responseObject,
  textPart,
} from './response-object.ts'
import type { ServedStream } from './serve-stream.ts'

type Json = Record<string, unknown>

/**
 * A response as events: each text and each tool call is an item that is added, filled and done. The last event holds the whole
 * response, with the cost under `farebox`.
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
  for (const told of items.close(lastStatus(outcome.finishReason))) yield numbered(told)
  const response = { ...responseObject(outcome, envelope), output: items.done }
  yield numbered({ type: `response.${String(response.status)}`, response: { ...response, farebox: await settled() } })
  return outcome
}

/** Numbers events, as OpenAI's are. */
function numbering(): (event: Json) => Json {
  let next = 0
  return (event) => ({ ...event, sequence_number: next++ })
}

/** A message that is still being filled. */
interface OpenText {
  id: string
  place: { output_index: number; content_index: 0; item_id: string }
  text: string
  isRefusal: boolean
}

/**
 * The output items of an answer while they are being filled. The next item closes a text. Tool calls stay open until the end,
 * because some servers interleave the pieces of several.
 */
class OutputItems {
  readonly #done: (ReturnType<typeof messageItem | typeof callItem> | undefined)[] = []
  readonly #id: string
  #count = 0
  #texts = 0
  #text: OpenText | undefined
  /** By their index among the calls. */
  readonly #calls = new Map<number, { place: { output_index: number; item_id: string }; call: ToolCall }>()

  constructor(id: string) {
    this.#id = id
  }

  /** The finished items, in order. */
  get done() {
    return this.#done.filter((item) => item !== undefined)
  }

  *read(event: ChatStreamEvent): Generator<Json, void, undefined> {
    if (event.type === 'text') {
      // It has only likelihoods, which have no place here.
      if (event.text === '') return
      const isRefusal = event.isRefusal === true
      if (this.#text && this.#text.isRefusal !== isRefusal) yield* this.#closeText()
      const open = this.#text ?? (yield* this.#openText(isRefusal))
      open.text += event.text
      if (isRefusal) yield { type: 'response.refusal.delta', ...open.place, delta: event.text }
      else yield { type: 'response.output_text.delta', ...open.place, delta: event.text, logprobs: [] }
    } else if (event.type === 'tool_call') {
      yield* this.#closeText()
      const open = this.#calls.get(event.index) ?? (yield* this.#openCall(event))
      if (event.arguments === '') return
      open.call.arguments += event.arguments
      yield { type: 'response.function_call_arguments.delta', ...open.place, delta: event.arguments }
    }
  }

  /** Closes the open items. The last one gets the status `last`. An answer without any content is still a message. */
  *close(last: string): Generator<Json, void, undefined> {
    if (this.#count === 0) yield* this.#openText()
    yield* this.#closeText(last)
    for (const [index, { place, call }] of this.#calls) {
      const { name, arguments: text } = call
      yield { type: 'response.function_call_arguments.done', ...place, name, arguments: text }
      yield this.#isDone(
        place.output_index,
        callItem(this.#id, index, call, place.output_index === this.#count - 1 ? last : undefined),
      )
    }
  }

  *#openText(isRefusal = false): Generator<Json, OpenText, undefined> {
    const output_index = this.#count++
    // A text after a tool call is a message of its own.
    const id = this.#texts++ === 0 ? this.#id : `${this.#texts}_${this.#id}`
    const item = messageItem(id, [], 'in_progress')
    const place = { output_index, content_index: 0 as const, item_id: item.id }
    const opened = { id, place, text: '', isRefusal }
    this.#text = opened
    yield { type: 'response.output_item.added', output_index, item }
    yield { type: 'response.content_part.added', ...place, part: isRefusal ? refusalPart('') : textPart('') }
    return opened
  }

  *#openCall({ index, id = '', name = '' }: { index: number; id?: string; name?: string }) {
    const output_index = this.#count++
    const call = { id, name, arguments: '' }
    const item = callItem(this.#id, index, call, 'in_progress')
    const opened = { place: { output_index, item_id: item.id }, call }
    this.#calls.set(index, opened)
    yield { type: 'response.output_item.added', output_index, item }
    return opened
  }

  *#closeText(status?: string): Generator<Json, void, undefined> {
    const open = this.#text
    this.#text = undefined
    if (!open) return
    const { place, text, id, isRefusal } = open
    const part = isRefusal ? refusalPart(text) : textPart(text)
    if (isRefusal) yield { type: 'response.refusal.done', ...place, refusal: text }
    else yield { type: 'response.output_text.done', ...place, text, logprobs: [] }
    yield { type: 'response.content_part.done', ...place, part }
    yield this.#isDone(place.output_index, messageItem(id, [part], status))
  }

  #isDone(output_index: number, item: ReturnType<typeof messageItem | typeof callItem>): Json {
    this.#done[output_index] = item
    return { type: 'response.output_item.done', output_index, item }
  }
}
