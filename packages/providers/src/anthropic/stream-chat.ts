import { type CallContext, type ChatEvent, type ChatRequest, type ChatResult, ProviderError, type Usage } from '@farebox/core'
import { asCount, asRecord, asText } from '../adapter/answer.ts'
import { type Call, openCall } from '../adapter/call.ts'
import { closingMark } from '../adapter/closing-mark.ts'
import { headersOf, type SdkAnswer, sdkEvents } from '../adapter/sdk-answer.ts'
import { mergeAnthropicUsage } from '../usage/anthropic.ts'
import type { AnthropicConnection } from './anthropic-client.ts'
import { anthropicError } from './anthropic-error.ts'
import { cutUsage, messageUsage } from './anthropic-usage.ts'
import { finishReason } from './finish-reason.ts'
import { streamMessageBody } from './message-body.ts'
import { readMessage } from './read-message.ts'
import { send } from './send.ts'

/**
 * Streams one message. The SDK ends a stream silently when the connection closes early or is aborted, so an answer is complete
 * only after its `message_stop`.
 */
export async function* streamChat(
  connection: AnthropicConnection,
  request: ChatRequest,
  context: CallContext,
): AsyncGenerator<ChatEvent, void, undefined> {
  const call = openCall(connection.name, context.signal)
  const answer = new Answer(request.model)
  try {
    const given = await send(connection, call, streamMessageBody(connection, request))
    answer.requestId = given.requestId
    const data = await wholeBody(call, given)
    if (data !== undefined) {
      yield* eventsOf(readMessage(connection, request, { ...given, data }))
      return
    }
    const events = sdkEvents(connection.name, call, given)
    for (;;) {
      const reading = events.next()
      const step = answer.isStopped ? await closingMark(reading) : await reading
      if (!step || step.done) break
      for (const part of answer.read(asRecord(step.value) ?? {})) {
        answer.isAnswering = true
        yield part
      }
    }
    if (context.signal.aborted) throw context.signal.reason
    if (!answer.isStopped) throw incomplete(connection.name, answer)
  } catch (thrown) {
    // After `message_stop` the answer is complete, so a failure does no harm.
    if (!answer.isStopped) {
      const { isAnswering, usage } = answer
      throw anthropicError(connection, thrown, { signal: context.signal, isAnswering, usage })
    }
  } finally {
    call.end()
  }
  yield answer.finish()
}

/**
 * The body of an answer that is JSON: some servers answer 200 to what they refuse, and others do not stream. `undefined` for a
 * stream, which some servers call JSON too. The SDK has read nothing of it before the first event.
 */
async function wholeBody(call: Call, { response }: SdkAnswer): Promise<unknown> {
  if (!headersOf(response).get('content-type')?.includes('application/json')) return undefined
  const reader = (response as Response).clone().body?.getReader()
  const begin = reader && (await call.race(reader.read()))
  // Its promise waits for the other reader of the body.
  reader?.cancel().catch(() => {})
  if (!/^\s*\{/.test(new TextDecoder().decode(begin?.value))) return undefined
  return call.race((response as Response).json())
}

function eventsOf({ text, toolCalls = [], ...end }: ChatResult): ChatEvent[] {
  return [
    ...(text === '' ? [] : [{ type: 'text' as const, text }]),
    ...toolCalls.map((given, index) => ({ type: 'tool_call' as const, index, ...given })),
    { type: 'finish', ...end },
  ]
}

/** What a streamed answer has reported so far. */
class Answer {
  requestId: string | undefined
  /** Whether the caller has received a part of it. */
  isAnswering = false
  /** Whether its closing mark has arrived. */
  isStopped = false
  #model: string
  #stopReason: string | undefined
  /** The usage reported so far. */
  #reported: Record<string, unknown> | undefined
  /** Whether the whole output was counted. A stream begins with a count of a token or two, which says nothing about the rest. */
  #isCounted = false
  #bytesWritten = 0
  /** The tool calls, by the index of their block. */
  readonly #tools = new Map<number, { index: number; isEmpty: boolean }>()

  constructor(model: string) {
    this.#model = model
  }

  /** Reads an event, and returns what it adds to the answer. */
  read(event: Record<string, unknown>): ChatEvent[] {
    const block = asCount(event.index) ?? 0
    switch (event.type) {
      case 'message_start': {
        const message = asRecord(event.message)
        this.#model = asText(message?.model) || this.#model
        this.#report(message?.usage)
        return []
      }
      case 'content_block_start':
        return this.#begin(block, asRecord(event.content_block) ?? {})
      case 'content_block_delta':
        return this.#add(block, asRecord(event.delta) ?? {})
      case 'content_block_stop': {
        const tool = this.#tools.get(block)
        return tool?.isEmpty ? [{ type: 'tool_call', index: tool.index, arguments: '{}' }] : []
      }
      case 'message_delta':
        this.#stopReason = asText(asRecord(event.delta)?.stop_reason) ?? this.#stopReason
        this.#report(event.usage)
        this.#isCounted ||= asCount(asRecord(event.usage)?.output_tokens) !== undefined
        return []
      case 'message_stop':
        this.isStopped = true
        return []
      default:
        return []
    }
  }

  /** The least that an incomplete answer has used. */
  get usage(): Usage | undefined {
    return this.#reported && cutUsage(this.#reported, this.#bytesWritten)
  }

  finish(): ChatEvent {
    const usage = this.#isCounted ? messageUsage(this.#reported) : undefined
    return {
      type: 'finish',
      finishReason: finishReason(this.#stopReason),
      model: this.#model,
      ...(usage === undefined ? {} : { usage }),
      ...(this.requestId === undefined ? {} : { requestId: this.requestId }),
    }
  }

  #report(usage: unknown): void {
    if (asRecord(usage)) this.#reported = mergeAnthropicUsage(this.#reported, usage)
  }

  #begin(block: number, content: Record<string, unknown>): ChatEvent[] {
    if (content.type === 'text') return this.#say(content.text)
    if (content.type !== 'tool_use') return []
    const index = this.#tools.size
    // The input streams after an empty object, but some servers send it whole at once.
    const whole = Object.keys(asRecord(content.input) ?? {}).length > 0 ? JSON.stringify(content.input) : ''
    this.#tools.set(block, { index, isEmpty: whole === '' })
    this.#bytesWritten += byteLength(whole)
    return [
      {
        type: 'tool_call',
        index,
        ...(asText(content.id) ? { id: asText(content.id) } : {}),
        ...(asText(content.name) ? { name: asText(content.name) } : {}),
        arguments: whole,
      },
    ]
  }

  #add(block: number, delta: Record<string, unknown>): ChatEvent[] {
    if (delta.type === 'text_delta') return this.#say(delta.text)
    const tool = this.#tools.get(block)
    const text = asText(delta.partial_json)
    if (delta.type !== 'input_json_delta' || !tool || !text) return []
    tool.isEmpty = false
    this.#bytesWritten += byteLength(text)
    return [{ type: 'tool_call', index: tool.index, arguments: text }]
  }

  #say(given: unknown): ChatEvent[] {
    const text = asText(given)
    if (!text) return []
    this.#bytesWritten += byteLength(text)
    return [{ type: 'text', text }]
  }
}

function byteLength(text: string): number {
  return new TextEncoder().encode(text).length
}

function incomplete(provider: string, { usage, requestId }: Answer): ProviderError {
  const message = `${provider} ended its stream without finishing the answer`
  return new ProviderError(message, { provider, kind: 'incomplete', usage, requestId })
}
