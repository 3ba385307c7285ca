import type { CallContext, ChatEvent, ChatRequest } from '@farebox/core'
import { asCount, asRecord, asText } from '../adapter/answer.ts'
import { type OpenaiConnection, resource } from './openai-client.ts'
import { responseUsage } from './openai-usage.ts'
import { endOf, readOutput } from './responses.ts'
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
  const told: Told = { toolCalls: [], hasPieces: false, hasText: false }
  yield* streamAnswer(connection, request.model, context, {
    create: (client, options) => resource(connection, client.responses, 'responses').create(body, options),
    read: (event, answer) => readEvent(asRecord(event) ?? {}, answer, told),
  })
}

/** What a stream has told so far. Some models and servers tell a part only when it is whole, or only in the last event. */
interface Told {
  toolCalls: StreamedCall[]
  /** Whether a text came in pieces. Then it is not told again when it is whole. */
  hasPieces: boolean
  hasText: boolean
}

/** A tool call. Its place among them is our index, while the provider's counts all output items. */
interface StreamedCall {
  outputIndex: number | undefined
  /** Whether none of its arguments have arrived. */
  isEmpty: boolean
}

function readEvent(event: Record<string, unknown>, answer: StreamedAnswer, told: Told): ChatEvent[] {
  const { toolCalls } = told
  switch (event.type) {
    case 'response.output_text.delta':
      return textPiece(event.delta, told)
    case 'response.refusal.delta':
      return textPiece(event.delta, told, true)
    case 'response.output_text.done':
      return told.hasPieces ? [] : textEvents(event.text, told)
    case 'response.refusal.done':
      return told.hasPieces ? [] : textEvents(event.refusal, told, true)
    case 'response.output_item.added':
      return beginCall(event, toolCalls)
    case 'response.function_call_arguments.delta':
      return addArguments(event, toolCalls, asText(event.delta) ?? '')
    case 'response.function_call_arguments.done':
      return addWhole(event, toolCalls, event.arguments)
    case 'response.output_item.done':
      if (findCall(event, toolCalls) < 0) return beginCall(event, toolCalls)
      return addWhole(event, toolCalls, asRecord(event.item)?.arguments)
    case 'response.completed':
    case 'response.incomplete':
    case 'response.failed': {
      const response = asRecord(event.response) ?? {}
      answer.model = asText(response.model) || answer.model
      answer.usage = responseUsage(response)
      if (event.type === 'response.failed') throw response.error
      answer.finishReason = endOf(response) ?? 'other'
      answer.isWhole = true
      return outputEvents(response.output).filter(({ type }) => (type === 'text' ? !told.hasText : toolCalls.length === 0))
    }
    case 'error':
      throw event
    case undefined:
      return Array.isArray(event.output) ? readWhole(event, answer) : []
    default:
      return []
  }
}

/** Reads a response that came whole, from a server that does not stream. */
function readWhole(response: Record<string, unknown>, answer: StreamedAnswer): ChatEvent[] {
  answer.model = asText(response.model) || answer.model
  answer.usage = responseUsage(response)
  if (response.status === 'failed') throw response.error
  answer.finishReason = endOf(response)
  answer.isWhole = answer.finishReason !== undefined
  return outputEvents(response.output)
}

function outputEvents(output: unknown): ChatEvent[] {
  const { text, isRefusal, toolCalls } = readOutput(output)
  return [
    ...(text ? [{ type: 'text' as const, text, ...(isRefusal && { isRefusal }) }] : []),
    ...toolCalls.map((call, index) => ({ type: 'tool_call' as const, index, ...call })),
  ]
}

function textPiece(given: unknown, told: Told, isRefusal = false): ChatEvent[] {
  const events = textEvents(given, told, isRefusal)
  // Some servers begin with an empty piece.
  told.hasPieces ||= events.length > 0
  return events
}

function textEvents(given: unknown, told: Told, isRefusal = false): ChatEvent[] {
  const text = asText(given)
  if (!text) return []
  told.hasText = true
  return [{ type: 'text', text, ...(isRefusal && { isRefusal }) }]
}

function beginCall(event: Record<string, unknown>, toolCalls: StreamedCall[]): ChatEvent[] {
  const item = asRecord(event.item)
  if (item?.type !== 'function_call') return []
  const text = argumentsText(item.arguments)
  const index = toolCalls.push({ outputIndex: asCount(event.output_index), isEmpty: text === '' }) - 1
  const name = asText(item.name)
  const id = asText(item.call_id) || toolCallId()
  return [{ type: 'tool_call', index, id, ...(name ? { name } : {}), arguments: text }]
}

function addArguments(event: Record<string, unknown>, toolCalls: StreamedCall[], text: string): ChatEvent[] {
  const index = findCall(event, toolCalls)
  const call = toolCalls[index]
  if (!call) return []
  call.isEmpty &&= text === ''
  return [{ type: 'tool_call', index, arguments: text }]
}

function addWhole(event: Record<string, unknown>, toolCalls: StreamedCall[], whole: unknown): ChatEvent[] {
  const text = argumentsText(whole)
  return text !== '' && toolCalls[findCall(event, toolCalls)]?.isEmpty ? addArguments(event, toolCalls, text) : []
}

function findCall({ output_index }: Record<string, unknown>, toolCalls: StreamedCall[]): number {
  const outputIndex = asCount(output_index)
  return toolCalls.findLastIndex((call) => call.outputIndex === outputIndex)
}
