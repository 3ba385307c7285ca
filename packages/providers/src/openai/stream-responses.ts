import type { CallContext, ChatEvent, ChatRequest } from '@farebox/core'
import { asCount, asRecord, asText } from '../adapter/answer.ts'
import { type OpenaiConnection, resource } from './openai-client.ts'
import { responseUsage } from './openai-usage.ts'
import { endOf } from './responses.ts'
import { streamResponsesBody } from './responses-body.ts'
import { type StreamedAnswer, streamAnswer } from './stream-answer.ts'
import { argumentsText, toolCallId } from './tool-call.ts'

/** Streams a response of the Responses API. Its final event is its only closing mark. */
export async function* streamResponse(
  connection: OpenaiConnection,
  request: ChatRequest,
  context: CallContext,
): AsyncGenerator<ChatEvent, void, undefined> {
  const body = streamResponsesBody(connection.name, request)
  // Our index counts tool calls alone, while the provider's counts all output items.
  const toolCalls: (number | undefined)[] = []
  yield* streamAnswer(connection, request.model, context, {
    create: (client, options) => resource(connection, client.responses, 'responses').create(body, options),
    read: (event, answer) => readEvent(asRecord(event) ?? {}, answer, toolCalls),
  })
}

function readEvent(event: Record<string, unknown>, answer: StreamedAnswer, toolCalls: (number | undefined)[]): ChatEvent[] {
  switch (event.type) {
    case 'response.output_text.delta':
    case 'response.refusal.delta': {
      const text = asText(event.delta)
      const isRefusal = event.type === 'response.refusal.delta'
      return text ? [{ type: 'text', text, ...(isRefusal && { isRefusal }) }] : []
    }
    case 'response.output_item.added': {
      const item = asRecord(event.item)
      if (item?.type !== 'function_call') return []
      const index = toolCalls.push(asCount(event.output_index)) - 1
      const name = asText(item.name)
      const id = asText(item.call_id) || toolCallId()
      return [{ type: 'tool_call', index, id, ...(name ? { name } : {}), arguments: argumentsText(item.arguments) }]
    }
    case 'response.function_call_arguments.delta': {
      const index = toolCalls.indexOf(asCount(event.output_index))
      return index < 0 ? [] : [{ type: 'tool_call', index, arguments: asText(event.delta) ?? '' }]
    }
    case 'response.completed':
    case 'response.incomplete':
    case 'response.failed': {
      const response = asRecord(event.response) ?? {}
      answer.model = asText(response.model) || answer.model
      answer.usage = responseUsage(response)
      if (event.type === 'response.failed') throw response.error
      answer.finishReason = endOf(response) ?? 'other'
      answer.isWhole = true
      return []
    }
    case 'error':
      throw event
    default:
      return []
  }
}
