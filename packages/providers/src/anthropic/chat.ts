import type { CallContext, ChatRequest, ChatResult, FinishReason, ToolCall } from '@farebox/core'
import { asRecord, asText, malformed } from '../adapter/answer.ts'
import { openCall } from '../adapter/call.ts'
import type { SdkAnswer } from '../adapter/sdk-answer.ts'
import type { AnthropicConnection } from './anthropic-client.ts'
import { anthropicError } from './anthropic-error.ts'
import { messageUsage } from './anthropic-usage.ts'
import { messageBody } from './message-body.ts'
import { send } from './send.ts'

/** One message, whole. */
export async function chat(connection: AnthropicConnection, request: ChatRequest, context: CallContext): Promise<ChatResult> {
  const call = openCall(connection.name, context.signal)
  try {
    return readMessage(connection, request, await send(connection, call, messageBody(connection, request)))
  } catch (thrown) {
    throw anthropicError(connection, thrown, context)
  } finally {
    call.end()
  }
}

/** Why an answer ended, in our words. `pause_turn` is a tool of Anthropic's own that wants to go on. */
export function finishReason(reason: string | undefined): FinishReason {
  switch (reason) {
    case 'end_turn':
    case 'stop_sequence':
      return 'stop'
    case 'max_tokens':
    case 'model_context_window_exceeded':
      return 'length'
    case 'tool_use':
      return 'tool_calls'
    case 'refusal':
      return 'content_filter'
    default:
      return 'other'
  }
}

function readMessage({ name }: AnthropicConnection, request: ChatRequest, { data, requestId }: SdkAnswer): ChatResult {
  const message = asRecord(data)
  if (!message || !Array.isArray(message.content)) throw malformed(name, 'a message', requestId)
  const blocks = message.content.map((block: unknown) => asRecord(block) ?? {})
  const toolCalls = blocks.flatMap(toolCall)
  const usage = messageUsage(message.usage)
  return {
    // Thoughts and the work of Anthropic's own tools are blocks too; what is said are those of text.
    text: blocks.map((block) => (block.type === 'text' ? (asText(block.text) ?? '') : '')).join(''),
    ...(toolCalls.length === 0 ? {} : { toolCalls }),
    finishReason: finishReason(asText(message.stop_reason)),
    model: asText(message.model) ?? request.model,
    ...(usage === undefined ? {} : { usage }),
    ...(requestId === undefined ? {} : { requestId }),
  }
}

function toolCall(block: Record<string, unknown>): ToolCall[] {
  const name = asText(block.name)
  if (block.type !== 'tool_use' || name === undefined) return []
  return [{ id: asText(block.id) ?? '', name, arguments: JSON.stringify(block.input ?? {}) }]
}
