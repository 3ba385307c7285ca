import type { ChatMessage, ChatRequest, ContentPart } from '@farebox/core'
import type OpenAI from 'openai'
import { withoutEmptyLists } from '../adapter/without-empty-lists.ts'
import { checkStop, takesTemperature } from './model-parameters.ts'

type MessageParam = OpenAI.Chat.Completions.ChatCompletionMessageParam
type PartParam = OpenAI.Chat.Completions.ChatCompletionContentPart
type Body = OpenAI.Chat.Completions.ChatCompletionCreateParamsNonStreaming
type StreamBody = OpenAI.Chat.Completions.ChatCompletionCreateParamsStreaming

/**
 * The body of a plain chat. Our own fields override `providerOptions`, so that no option can undo metering.
 *
 * @throws {ProviderError} `unsupported`: the request has stop sequences, which the model is known to refuse
 */
export function chatBody(provider: string, request: ChatRequest): Body {
  return { ...request.providerOptions, ...fields(provider, request), stream: false }
}

/** The body of a streamed chat. It always requests usage, which a stream would otherwise not report. See {@link chatBody}. */
export function streamChatBody(provider: string, request: ChatRequest): StreamBody {
  const options = request.providerOptions?.stream_options
  return {
    ...request.providerOptions,
    ...fields(provider, request),
    stream: true,
    stream_options: { ...(typeof options === 'object' ? options : {}), include_usage: true },
  }
}

function fields(provider: string, given: ChatRequest) {
  checkStop(provider, given)
  const request = withoutEmptyLists(given)
  return {
    model: request.model,
    messages: callsTogether(request.messages).map(message),
    ...(request.outputTokensMax === undefined ? {} : { max_completion_tokens: request.outputTokensMax }),
    ...(request.temperature === undefined || !takesTemperature(request) ? {} : { temperature: request.temperature }),
    ...(request.stop === undefined ? {} : { stop: [...request.stop] }),
    ...(request.tools === undefined
      ? {}
      : { tools: request.tools.map((tool) => ({ type: 'function' as const, function: { ...tool } })) }),
    ...(request.toolChoice === undefined ? {} : { tool_choice: toolChoice(request.toolChoice) }),
  }
}

/**
 * Merges consecutive assistant messages after a tool call, because the API accepts tool results only directly after the calls.
 */
function callsTogether(messages: readonly ChatMessage[]): ChatMessage[] {
  const together: ChatMessage[] = []
  for (const given of messages) {
    const last = together.at(-1)
    if (given.role !== 'assistant' || last?.role !== 'assistant' || !last.toolCalls?.length) together.push(given)
    else {
      const content = [last.content, given.content].filter(Boolean).join('\n') || null
      together.splice(-1, 1, { ...last, content, toolCalls: [...last.toolCalls, ...(given.toolCalls ?? [])] })
    }
  }
  return together
}

function message(given: ChatMessage): MessageParam {
  switch (given.role) {
    case 'user':
      return {
        role: 'user',
        content: typeof given.content === 'string' ? given.content : given.content.map(part),
        ...(given.name === undefined ? {} : { name: given.name }),
      }
    case 'assistant':
      return {
        role: 'assistant',
        content: given.content,
        ...(given.name === undefined ? {} : { name: given.name }),
        ...(given.toolCalls === undefined || given.toolCalls.length === 0
          ? {}
          : {
              tool_calls: given.toolCalls.map(({ id, name, arguments: text }) => ({
                id,
                type: 'function' as const,
                function: { name, arguments: text },
              })),
            }),
      }
    case 'tool':
      return { role: 'tool', content: given.content, tool_call_id: given.toolCallId }
    default:
      return { role: given.role, content: given.content, ...(given.name === undefined ? {} : { name: given.name }) }
  }
}

function part(given: ContentPart): PartParam {
  if (given.type === 'text') return { type: 'text', text: given.text }
  return { type: 'image_url', image_url: { url: given.url, ...(given.detail === undefined ? {} : { detail: given.detail }) } }
}

function toolChoice(choice: NonNullable<ChatRequest['toolChoice']>) {
  return typeof choice === 'string' ? choice : { type: 'function' as const, function: { name: choice.name } }
}
