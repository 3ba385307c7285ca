import type { CallContext, ChatRequest, ChatResult, FinishReason, ToolCall } from '@farebox/core'
import { asRecord, asText, malformed } from '../adapter/answer.ts'
import { type OpenaiConnection, resource } from './openai-client.ts'
import { openaiError } from './openai-error.ts'
import { responseUsage } from './openai-usage.ts'
import { responsesBody } from './responses-body.ts'
import { openOpenaiCall, send } from './send.ts'
import { readToolCall } from './tool-call.ts'

/** Makes a plain response with the Responses API. */
export async function respond(connection: OpenaiConnection, request: ChatRequest, context: CallContext): Promise<ChatResult> {
  const call = openOpenaiCall(connection, context)
  let usage: ChatResult['usage']
  try {
    const body = responsesBody(connection.name, request)
    const { data, requestId } = await send(connection, call, {
      client: connection.texts,
      create: (client, options) => resource(connection, client.responses, 'responses').create(body, options),
    })
    const response = asRecord(data)
    usage = responseUsage(response)
    // Some servers answer 200 to what they refuse, with the error alone.
    const isRefused = !Array.isArray(response?.output) && asRecord(response?.error)
    if (response?.status === 'failed' || isRefused) throw response?.error
    const reason = response && endOf(response)
    if (reason === undefined) throw malformed(connection.name, 'an end', requestId, usage)
    const { text, isRefusal, toolCalls } = readOutput(response?.output)
    return {
      text,
      ...(isRefusal && { isRefusal }),
      ...(toolCalls.length === 0 ? {} : { toolCalls }),
      finishReason: reason,
      model: asText(response?.model) || request.model,
      ...(usage === undefined ? {} : { usage }),
      ...(requestId === undefined ? {} : { requestId }),
    }
  } catch (thrown) {
    throw openaiError(connection, thrown, { signal: context.signal, usage })
  } finally {
    call.end()
  }
}

/** Maps the status of a response to our finish reason. `undefined` if it has not ended, or has failed. */
export function endOf(response: Record<string, unknown>): FinishReason | undefined {
  if (response.status === 'completed') return readOutput(response.output).toolCalls.length > 0 ? 'tool_calls' : 'stop'
  if (response.status !== 'incomplete') return undefined
  switch (asRecord(response.incomplete_details)?.reason) {
    case 'max_output_tokens':
      return 'length'
    case 'content_filter':
      return 'content_filter'
    default:
      return 'other'
  }
}

export function readOutput(output: unknown): { text: string; isRefusal: boolean; toolCalls: ToolCall[] } {
  const items = Array.isArray(output) ? output.map(asRecord) : []
  const parts = items.flatMap((item) =>
    item?.type === 'message' && Array.isArray(item.content) ? item.content.map(asRecord) : [],
  )
  return {
    // A refusal counts as the model's answer.
    text: parts.map((part) => asText(part?.text) ?? asText(part?.refusal) ?? '').join(''),
    isRefusal: parts.some((part) => asText(part?.refusal)) && !parts.some((part) => asText(part?.text)),
    toolCalls: items.flatMap((item) =>
      item?.type === 'function_call' ? readToolCall({ id: item.call_id, name: item.name, arguments: item.arguments }) : [],
    ),
  }
}
