import type { CallContext, ChatRequest, ChatResult, ToolCall } from '@farebox/core'
import { asRecord, asText, malformed } from '../adapter/answer.ts'
import { openCall } from '../adapter/call.ts'
import { gatherChat } from '../adapter/gather-chat.ts'
import type { SdkAnswer } from '../adapter/sdk-answer.ts'
import type { AnthropicConnection } from './anthropic-client.ts'
import { anthropicError } from './anthropic-error.ts'
import { messageUsage } from './anthropic-usage.ts'
import { finishReason } from './finish-reason.ts'
import { messageBody, PLAIN_TOKENS_MAX } from './message-body.ts'
import { send } from './send.ts'
import { streamChat } from './stream-chat.ts'

/** Makes a plain message. It streams one that may be long, because SDKs refuse to wait for it otherwise. */
export async function chat(connection: AnthropicConnection, request: ChatRequest, context: CallContext): Promise<ChatResult> {
  if ((request.outputTokensMax ?? 0) > PLAIN_TOKENS_MAX)
    return gatherChat(connection.name, streamChat(connection, request, context))
  const call = openCall(connection.name, context.signal)
  try {
    return readMessage(connection, request, await send(connection, call, messageBody(connection, request)))
  } catch (thrown) {
    throw anthropicError(connection, thrown, context)
  } finally {
    call.end()
  }
}

function readMessage({ name }: AnthropicConnection, request: ChatRequest, { data, requestId }: SdkAnswer): ChatResult {
  const message = asRecord(data)
  // Some servers answer 200 to what they refuse. SDK errors have the body in `error`.
  if (message?.type === 'error') throw { error: message, requestID: requestId }
  const usage = messageUsage(message?.usage)
  if (!message || !Array.isArray(message.content)) throw malformed(name, 'a message', requestId, usage)
  const blocks = message.content.map((block: unknown) => asRecord(block) ?? {})
  const toolCalls = blocks.flatMap(toolCall)
  return {
    // Thinking and Anthropic's server tools have blocks too. Only text blocks are the answer.
    text: blocks.map((block) => (block.type === 'text' ? (asText(block.text) ?? '') : '')).join(''),
    ...(toolCalls.length === 0 ? {} : { toolCalls }),
    finishReason: finishReason(asText(message.stop_reason)),
    model: asText(message.model) || request.model,
    ...(usage === undefined ? {} : { usage }),
    ...(requestId === undefined ? {} : { requestId }),
  }
}

function toolCall(block: Record<string, unknown>): ToolCall[] {
  const name = asText(block.name)
  if (block.type !== 'tool_use' || name === undefined) return []
  return [{ id: asText(block.id) ?? '', name, arguments: JSON.stringify(block.input ?? {}) }]
}
