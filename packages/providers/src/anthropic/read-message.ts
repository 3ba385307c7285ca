import type { ChatRequest, ChatResult, ToolCall } from '@farebox/core'
import { asRecord, asText, malformed } from '../adapter/answer.ts'
import type { SdkAnswer } from '../adapter/sdk-answer.ts'
import type { AnthropicConnection } from './anthropic-client.ts'
import { messageUsage } from './anthropic-usage.ts'
import { finishReason } from './finish-reason.ts'

/**
 * Reads a whole message.
 *
 * @throws {ProviderError} `malformed`: it is none. An error that came as an answer is thrown as it is
 */
export function readMessage(
  { name }: AnthropicConnection,
  request: ChatRequest,
  { data, requestId }: Pick<SdkAnswer, 'data' | 'requestId'>,
): ChatResult {
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
