import { type ChatMessage, type ChatRequest, type ContentPart, ProviderError } from '@farebox/core'
import type OpenAI from 'openai'
import { withoutEmptyLists } from '../adapter/without-empty-lists.ts'
import { takesTemperature } from './model-parameters.ts'

type Body = OpenAI.Responses.ResponseCreateParamsNonStreaming
type StreamBody = OpenAI.Responses.ResponseCreateParamsStreaming
type Item = OpenAI.Responses.ResponseInputItem
type Part = OpenAI.Responses.ResponseInputContent

/**
 * The body of a plain response. Our own fields override `providerOptions`. A background response would answer before it has used
 * anything. A stored one would stay with OpenAI for nothing, because our requests carry their whole context.
 *
 * @throws {ProviderError} `unsupported`: the request has stop sequences, which this API lacks
 */
export function responsesBody(provider: string, request: ChatRequest): Body {
  return { ...request.providerOptions, ...fields(provider, request), stream: false }
}

/** The body of a streamed response. Its last event always carries the usage. See {@link responsesBody}. */
export function streamResponsesBody(provider: string, request: ChatRequest): StreamBody {
  return { ...request.providerOptions, ...fields(provider, request), stream: true }
}

function fields(provider: string, given: ChatRequest) {
  const request = withoutEmptyLists(given)
  if (request.stop !== undefined) {
    const message = `${provider} does not support stop sequences in its Responses API`
    throw new ProviderError(message, { provider, kind: 'unsupported', providerParameter: 'stop' })
  }
  return {
    model: request.model,
    input: request.messages.flatMap(items),
    background: false,
    store: false,
    ...(request.outputTokensMax === undefined ? {} : { max_output_tokens: request.outputTokensMax }),
    ...(request.temperature === undefined || !takesTemperature(request) ? {} : { temperature: request.temperature }),
    ...(request.tools === undefined
      ? {}
      : // Unlike Chat Completions, this API defaults to strict, which refuses many schemas that work there.
        { tools: request.tools.map((tool) => ({ type: 'function' as const, strict: false, ...tool })) }),
    ...(request.toolChoice === undefined ? {} : { tool_choice: toolChoice(request.toolChoice) }),
  }
}

function items(given: ChatMessage): Item[] {
  switch (given.role) {
    case 'user':
      return [{ role: 'user', content: typeof given.content === 'string' ? given.content : given.content.map(part) }]
    case 'assistant':
      return [
        ...(given.content ? [{ role: 'assistant' as const, content: given.content }] : []),
        ...(given.toolCalls ?? []).map(({ id, name, arguments: text }) => ({
          type: 'function_call' as const,
          call_id: id,
          name,
          arguments: text,
        })),
      ]
    case 'tool':
      return [{ type: 'function_call_output', call_id: given.toolCallId, output: given.content }]
    default:
      return [{ role: given.role, content: given.content }]
  }
}

function part(given: ContentPart): Part {
  if (given.type === 'text') return { type: 'input_text', text: given.text }
  return { type: 'input_image', image_url: given.url, detail: given.detail ?? 'auto' }
}

function toolChoice(choice: NonNullable<ChatRequest['toolChoice']>) {
  return typeof choice === 'string' ? choice : { type: 'function' as const, name: choice.name }
}
