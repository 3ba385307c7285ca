import type Anthropic from '@anthropic-ai/sdk'
import { type ChatRequest, ProviderError, type Tool } from '@farebox/core'
import { asRecord } from '../adapter/answer.ts'
import { withoutEmptyLists } from '../adapter/without-empty-lists.ts'
import type { AnthropicConnection } from './anthropic-client.ts'
import { isClaude, takesTemperature, thinksUnlessTold } from './claude-models.ts'
import { claudeCallId, conversation } from './content-blocks.ts'

/** Models up to version 4.6 accept a temperature, which the SDK's types no longer include. */
type Body = Anthropic.MessageCreateParamsNonStreaming & { temperature?: number }
type StreamBody = Anthropic.MessageCreateParamsStreaming & { temperature?: number }
type Limits = Pick<AnthropicConnection, 'name' | 'outputTokensMax'>

/**
 * The default output limit, in tokens, and the highest that every SDK version sends without a stream: ten minutes at 128,000
 * tokens an hour. Above it, some versions refuse the request whatever its timeout.
 */
export const PLAIN_TOKENS_MAX = 21_333

/**
 * The body of a plain message. Our own fields override `providerOptions`, so that no option can undo metering.
 *
 * @throws {ProviderError} `unsupported`: a blank stop sequence, an image in an unsupported form, or only system messages
 */
export function messageBody(limits: Limits, request: ChatRequest): Body {
  return { ...request.providerOptions, ...fields(limits, request), stream: false }
}

/** The body of a streamed message, which always reports its usage. See {@link messageBody}. */
export function streamMessageBody(limits: Limits, request: ChatRequest): StreamBody {
  return { ...request.providerOptions, ...fields(limits, request), stream: true }
}

function fields({ name, outputTokensMax }: Limits, request: ChatRequest) {
  const { model, temperature, stop, tools, toolChoice, providerOptions = {} } = withoutEmptyLists(request)
  if (stop?.some((sequence) => sequence.trim() === '')) {
    const message = `${name} knows no stop sequences of white space alone`
    throw new ProviderError(message, { provider: name, kind: 'unsupported', providerParameter: 'stop' })
  }
  const most = outputTokensMax(model)
  const effort = asRecord(providerOptions.output_config)?.effort
  // Anthropic refuses a choice among no tools. One that demands a tool stays, so that it does.
  const hasTools = tools !== undefined || providerOptions.tools !== undefined
  const isChoice = toolChoice !== undefined && (hasTools || (toolChoice !== 'auto' && toolChoice !== 'none'))
  const isThinkingLeftOpen = providerOptions.thinking === undefined && (effort ?? undefined) === undefined
  return {
    model,
    // Anthropic requires a limit, and refuses one above the model's maximum.
    max_tokens: Math.min(request.outputTokensMax ?? PLAIN_TOKENS_MAX, most),
    ...conversation(name, request.messages, isClaude(model) ? claudeCallId : undefined),
    ...(temperature === undefined || !takesTemperature(model) ? {} : { temperature: Math.min(temperature, 1) }),
    ...(stop === undefined ? {} : { stop_sequences: [...stop] }),
    ...(tools === undefined ? {} : { tools: tools.map(tool) }),
    ...(isChoice ? { tool_choice: choice(toolChoice, asRecord(providerOptions.tool_choice)) } : {}),
    ...(isThinkingLeftOpen && thinksUnlessTold(model) ? { thinking: { type: 'disabled' as const } } : {}),
  }
}

function tool({ name, description, parameters }: Tool): Anthropic.Tool {
  return { name, ...(description === undefined ? {} : { description }), input_schema: { ...parameters, type: 'object' } }
}

/** A choice of tools. Whether several may be called at once is said in it too, and remains as `providerOptions` say. */
function choice(
  given: NonNullable<ChatRequest['toolChoice']>,
  { disable_parallel_tool_use }: { disable_parallel_tool_use?: unknown } = {},
): Anthropic.ToolChoice {
  if (given === 'none') return { type: 'none' }
  const kept = typeof disable_parallel_tool_use === 'boolean' ? { disable_parallel_tool_use } : {}
  if (typeof given !== 'string') return { type: 'tool', name: given.name, ...kept }
  return { type: given === 'required' ? 'any' : given, ...kept }
}
