import type { CallContext, ChatRequest, ChatResult, FinishReason, ToolCall, Usage } from '@farebox/core'
import { asRecord, asText, malformed } from '../adapter/answer.ts'
import { chatBody } from './chat-body.ts'
import { contentText } from './content-text.ts'
import type { OpenaiConnection } from './openai-client.ts'
import { openaiError } from './openai-error.ts'
import { chatUsage } from './openai-usage.ts'
import { openOpenaiCall, send } from './send.ts'
import { readToolCall } from './tool-call.ts'

/** Makes a plain chat completion. */
export async function chat(connection: OpenaiConnection, request: ChatRequest, context: CallContext): Promise<ChatResult> {
  const call = openOpenaiCall(connection, context)
  let usage: Usage | undefined
  try {
    const { data, requestId } = await send(connection, call, {
      client: connection.texts,
      create: (client, options) => client.chat.completions.create(chatBody(connection.name, request), options),
    })
    const answer = asRecord(data)
    usage = chatUsage(answer?.usage, answer?.service_tier)
    return readChat(connection, request, answer, { usage, requestId })
  } catch (thrown) {
    throw openaiError(connection, thrown, { signal: context.signal, usage })
  } finally {
    call.end()
  }
}

/** Maps OpenAI's finish reason to ours. Gemini's has the cause behind it: `content_filter: PROHIBITED_CONTENT`. */
export function finishReason(given: string): FinishReason {
  const [reason] = given.split(':')
  switch (reason) {
    case 'stop':
    case 'length':
    case 'tool_calls':
    case 'content_filter':
      return reason
    case 'function_call':
      return 'tool_calls'
    default:
      return 'other'
  }
}

/**
 * The error of a choice that its server could not finish. OpenRouter answers 200 then, with the error inside the choice or only
 * its reason.
 *
 * @source https://openrouter.ai/docs/api/reference/errors-and-debugging
 */
export function choiceError({ error, finish_reason }: Record<string, unknown>): object | undefined {
  const told = asRecord(error)
  if (told && Object.values(told).some(Boolean)) return told
  return finish_reason === 'error' ? { type: 'server_error' } : undefined
}

function readChat(
  connection: OpenaiConnection,
  request: ChatRequest,
  answer: Record<string, unknown> | undefined,
  { usage, requestId }: Pick<ChatResult, 'usage' | 'requestId'>,
): ChatResult {
  const choices = Array.isArray(answer?.choices) ? answer.choices : []
  const choice = asRecord(choices[0])
  // Some servers, such as OpenRouter, answer 200 before they know that it fails.
  if (!choice && asRecord(answer?.error)) throw answer?.error
  const failure = choice && choiceError(choice)
  if (failure) throw { ...failure, requestID: requestId }
  const reason = asText(choice?.finish_reason) ?? ''
  // Gemini leaves the message out where its filter stopped the answer.
  const message = asRecord(choice?.message) ?? (finishReason(reason) === 'content_filter' ? {} : undefined)
  if (!message) throw malformed(connection.name, 'a message', requestId, usage)
  const toolCalls = Array.isArray(message.tool_calls) ? message.tool_calls.flatMap(toolCall) : []
  const content = contentText(message.content)
  // A refusal counts as the model's answer.
  const refusal = content ? undefined : asText(message.refusal)
  return {
    ...(refusal ? { text: refusal, isRefusal: true } : { text: content ?? '' }),
    ...(toolCalls.length === 0 ? {} : { toolCalls }),
    finishReason: finishReason(reason),
    ...(choice?.logprobs ? { logprobs: choice.logprobs } : {}),
    model: asText(answer?.model) || request.model,
    ...(usage === undefined ? {} : { usage }),
    ...(requestId === undefined ? {} : { requestId }),
  }
}

function toolCall(given: unknown): ToolCall[] {
  const call = asRecord(given)
  const named = asRecord(call?.function)
  return readToolCall({ id: call?.id, name: named?.name, arguments: named?.arguments })
}
