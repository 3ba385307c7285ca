import type { ChatMessage, ContentPart, Tool } from '@farebox/core'
import { z } from 'zod'
import type { ChatInput } from '../workflow-calls.ts'
import { responseFormat } from './answer-format.ts'
import { messagesOptions, responsesOptions } from './translate-options.ts'
import {
  givenOptions,
  imageUrl,
  modalities,
  modelName,
  NOTHING_STORED,
  openBody,
  present,
  promptCacheBreakpoint,
  refused,
  refusedBeyondHold,
  refusedOfOthers,
  said,
  speed,
  stopOf,
  stopSequences,
} from './wire-schemas.ts'

const textPart = z.looseObject({ type: z.literal('text'), text: said, prompt_cache_breakpoint: promptCacheBreakpoint })
const texts = z.union([said, z.array(z.discriminatedUnion('type', [textPart], { error: 'must be text' })).min(1)])
const userPart = z.discriminatedUnion(
  'type',
  [
    textPart,
    z.looseObject({
      type: z.literal('image_url'),
      image_url: z.looseObject({ url: imageUrl, detail: z.enum(['auto', 'low', 'high']).nullish() }),
      prompt_cache_breakpoint: promptCacheBreakpoint,
    }),
  ],
  { error: 'must be text or image_url' },
)
const answerPart = z.discriminatedUnion('type', [textPart, z.looseObject({ type: z.literal('refusal'), refusal: said })], {
  error: 'must be text or refusal',
})
const toolCall = z.looseObject({
  id: z.string(),
  type: z.literal('function').default('function'),
  function: z.looseObject({ name: z.string(), arguments: z.string() }),
})

const speaker = z.string().nullish().describe('Tells participants of the same role apart, if the provider supports it')
const message = z.discriminatedUnion(
  'role',
  [
    z.looseObject({ role: z.enum(['system', 'developer']), content: texts, name: speaker }),
    z.looseObject({ role: z.literal('user'), content: z.union([said, z.array(userPart).min(1)]), name: speaker }),
    z.looseObject({
      role: z.literal('assistant'),
      content: z.union([z.string(), z.array(answerPart)]).nullish(),
      refusal: said.nullish(),
      name: speaker,
      tool_calls: z.array(toolCall).nullish(),
      function_call: refused('is not supported: use tool_calls'),
      audio: refused('audio is not supported: send its transcript as content'),
    }),
    z.looseObject({ role: z.literal('tool'), content: texts, tool_call_id: z.string() }),
  ],
  { error: 'must be system, developer, user, assistant or tool' },
)

const tool = z.discriminatedUnion(
  'type',
  [
    z.looseObject({
      type: z.literal('function'),
      function: z.looseObject({
        name: z.string().min(1).max(200),
        description: z.string().nullish(),
        parameters: z.record(z.string(), z.unknown()).nullish(),
        strict: z.boolean().nullish(),
      }),
    }),
  ],
  { error: 'must be function: other tools are not supported' },
)
const toolChoice = z.union([
  z.enum(['none', 'auto', 'required']),
  z.looseObject({ type: z.literal('function'), function: z.looseObject({ name: z.string() }) }),
])

const outputTokens = z.number().int().min(1).max(1_000_000).nullish()

/** The body of a chat completion request. Fields not named here are passed on unchanged to OpenAI's chat completions. */
export const chatCompletionBody = openBody({
  model: modelName,
  messages: z.array(message).min(1).max(4_096),
  stream: z.boolean().nullish(),
  stream_options: z.looseObject({ include_usage: z.boolean().nullish() }).nullish(),
  max_completion_tokens: outputTokens,
  max_tokens: outputTokens.describe('The older name of max_completion_tokens'),
  temperature: z.number().min(0).max(2).nullish(),
  stop: stopSequences,
  tools: z.array(tool).max(512).nullish(),
  tool_choice: toolChoice.nullish(),
  response_format: responseFormat,
  store: z.boolean().nullish().describe('Accepted, but nothing is stored'),
  metadata: z.unknown().optional().describe('Accepted, but ignored: it belongs to stored completions, and nothing is stored'),
  // Fields for which our answers have no place, or which cost more than tokens and would go unbilled.
  functions: refused('is not supported: use tools'),
  function_call: refused('is not supported: use tool_choice'),
  modalities,
  moderation: refused('is not supported: an answer has nowhere to put its results'),
  service_tier: z.enum(['auto', 'default'], 'must be auto or default: the other tiers have other prices').nullish(),
  speed,
  // Fields of Responses.
  max_output_tokens: refused('is not supported in chats: use max_completion_tokens'),
  text: refused('is not supported in chats: use response_format and verbosity'),
  previous_response_id: refused(NOTHING_STORED),
  conversation: refused(NOTHING_STORED),
  prompt: refused('is not supported: nothing is stored; send messages'),
  ...refusedBeyondHold,
  ...refusedOfOthers,
})

export type ChatCompletionBody = z.output<typeof chatCompletionBody>

/** A chat completion request as input of a workflow. */
export function chatInput(body: ChatCompletionBody): ChatInput {
  const { max_completion_tokens, max_tokens, temperature, stop, tools, tool_choice } = body
  const options = { ...givenOptions(body, chatCompletionBody), ...present({ response_format: body.response_format }) }
  return {
    messages: body.messages.map(chatMessage),
    outputTokensMax: max_completion_tokens ?? max_tokens ?? undefined,
    temperature: temperature ?? undefined,
    stop: stopOf(stop),
    tools: tools?.map((given) => toolOf(given.function)),
    toolChoice: typeof tool_choice === 'object' && tool_choice ? { name: tool_choice.function.name } : (tool_choice ?? undefined),
    dialectOptions: {
      'openai-chat': options,
      'openai-responses': responsesOptions(options),
      'anthropic-messages': messagesOptions(options, tools),
    },
  }
}

/** Reads a function as either of OpenAI's APIs describes it. One without `parameters` takes none. */
export function toolOf(given: {
  name: string
  description?: string | null
  parameters?: Record<string, unknown> | null
  strict?: boolean | null
}): Tool {
  return {
    name: given.name,
    parameters: given.parameters ?? { type: 'object', properties: {} },
    ...present({ description: given.description, strict: given.strict }),
  }
}

function chatMessage(given: ChatCompletionBody['messages'][number]): ChatMessage {
  switch (given.role) {
    case 'user':
      return { role: 'user', content: userContent(given.content), ...present({ name: given.name }) }
    case 'assistant': {
      const calls = given.tool_calls?.map(({ id, function: { name, arguments: text } }) => ({ id, name, arguments: text }))
      // A refusal comes without content, which no provider accepts by itself.
      const content = joined(given.content) || (given.refusal ?? joined(given.content))
      return {
        role: 'assistant',
        content,
        ...(calls && calls.length > 0 && { toolCalls: calls }),
        ...present({ name: given.name }),
      }
    }
    case 'tool':
      return { role: 'tool', content: joined(given.content) ?? '', toolCallId: given.tool_call_id }
    default:
      return { role: given.role, content: joined(given.content) ?? '', ...present({ name: given.name }) }
  }
}

function userContent(content: string | z.output<typeof userPart>[]): string | ContentPart[] {
  if (typeof content === 'string') return content
  return content.map((part): ContentPart => {
    if (part.type === 'text') return { type: 'text', text: part.text }
    const { url, detail } = part.image_url
    return { type: 'image', url, ...present({ detail }) }
  })
}

function joined(content: string | readonly z.output<typeof answerPart>[] | null | undefined): string | null {
  if (typeof content === 'string' || !content) return content ?? null
  return content.map((part) => (part.type === 'text' ? part.text : part.refusal)).join('\n')
}
