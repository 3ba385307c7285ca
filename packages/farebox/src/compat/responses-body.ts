import type { ChatMessage, ContentPart } from '@farebox/core'
import { z } from 'zod'
import type { ChatInput } from '../workflow-calls.ts'
import { textForm } from './answer-format.ts'
import { toolOf } from './chat-body.ts'
import { chatOptions, messagesOptions } from './translate-options.ts'
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

const textPart = z.looseObject({
  type: z.enum(['input_text', 'output_text', 'text']),
  text: said,
  prompt_cache_breakpoint: promptCacheBreakpoint,
})
const refusalPart = z.looseObject({ type: z.literal('refusal'), refusal: said })
const imagePart = z.looseObject({
  type: z.literal('input_image'),
  image_url: imageUrl,
  file_id: refused('files are not supported: give image_url'),
  detail: z.enum(['auto', 'low', 'high']).nullish(),
  prompt_cache_breakpoint: promptCacheBreakpoint,
})
const part = z.discriminatedUnion('type', [textPart, refusalPart, imagePart], {
  error: 'must be input_text, output_text, refusal or input_image',
})
const content = z.union([said, z.array(part)])
/** Content without images: one outside a user's message would be sent, and billed, as the text of its URL. */
const texts = z.union([
  said,
  z.array(
    z.discriminatedUnion('type', [textPart, refusalPart], {
      error: 'must be input_text, output_text or refusal: images are for messages of the user',
    }),
  ),
])

/** A message may omit its type. */
const type = z.literal('message').optional()
const message = z.discriminatedUnion(
  'role',
  [
    z.looseObject({ type, role: z.literal('user'), content }),
    z.looseObject({ type, role: z.enum(['assistant', 'system', 'developer']), content: texts }),
  ],
  { error: 'must be user, assistant, system or developer' },
)

const item = z.discriminatedUnion(
  'type',
  [
    message,
    z.looseObject({ type: z.literal('function_call'), call_id: z.string(), name: z.string(), arguments: z.string() }),
    z.looseObject({ type: z.literal('function_call_output'), call_id: z.string(), output: texts }),
    // Accepted and dropped: one model's reasoning is of no use to another.
    z.looseObject({ type: z.literal('reasoning') }),
  ],
  {
    error: ({ input }) =>
      isReference(input)
        ? 'refers to a stored item, and nothing is stored: send the item itself (the AI SDK does with `store: false`)'
        : 'must be message, function_call, function_call_output or reasoning: nothing else is supported',
  },
)

function isReference(value: unknown): boolean {
  return typeof value === 'object' && value !== null && 'type' in value && value.type === 'item_reference'
}

const tool = z.discriminatedUnion(
  'type',
  [
    z.looseObject({
      type: z.literal('function'),
      name: z.string().min(1).max(200),
      description: z.string().nullish(),
      parameters: z.record(z.string(), z.unknown()).nullish(),
      strict: z.boolean().nullish(),
      defer_loading: z.literal(false, 'is not supported: there is no tool search').nullish(),
      allowed_callers: z.array(z.literal('direct', 'must be direct: programs are not supported')).nullish(),
    }),
  ],
  { error: 'must be function: other tools are not supported' },
)

/** The body of a request for a response. Fields not named here are passed on unchanged to OpenAI's Responses API. */
export const responsesBody = openBody({
  model: modelName,
  input: z.union([said.min(1), z.array(item).min(1).max(4_096)]),
  instructions: said.nullish(),
  stream: z.boolean().nullish(),
  stream_options: z.looseObject({}).nullish(),
  max_output_tokens: z.number().int().min(1).max(1_000_000).nullish(),
  temperature: z.number().min(0).max(2).nullish(),
  tools: z.array(tool).max(512).nullish(),
  tool_choice: z
    .union([z.enum(['none', 'auto', 'required']), z.looseObject({ type: z.literal('function'), name: z.string() })])
    .nullish(),
  stop: stopSequences.describe('Unknown to OpenAI’s Responses API: honoured where another API serves'),
  text: textForm,
  store: z.boolean().nullish().describe('Accepted, but nothing is stored'),
  metadata: z.unknown().optional().describe('Given again with the response, but otherwise ignored: nothing is stored'),
  previous_response_id: refused(NOTHING_STORED),
  conversation: refused(NOTHING_STORED),
  prompt: refused('is not supported: nothing is stored; send instructions and input'),
  background: z.literal(false, 'is not supported: the answer comes with the response').nullish(),
  include: z.array(z.string()).nullish().describe('Accepted, but ignored: answers contain only text and tool calls'),
  truncation: z.literal('disabled', 'must be disabled: input that is too long is refused').nullish(),
  moderation: refused('is not supported: an answer has nowhere to put its results'),
  modalities,
  context_management: refused('is not supported: answers contain only text and tool calls'),
  max_tool_calls: refused('is not supported: the only tools are your own'),
  service_tier: z.enum(['auto', 'default'], 'must be auto or default: the other tiers have other prices').nullish(),
  speed,
  // Fields of chats.
  max_tokens: refused('is not supported in responses: use max_output_tokens'),
  max_completion_tokens: refused('is not supported in responses: use max_output_tokens'),
  response_format: refused('is not supported in responses: use text.format'),
  ...refusedBeyondHold,
  ...refusedOfOthers,
})

export type ResponsesBody = z.output<typeof responsesBody>

/** A request for a response as input of a workflow. */
export function responseInput(body: ResponsesBody): ChatInput {
  const { input, instructions, max_output_tokens, temperature, stop, tools, tool_choice } = body
  const options = { ...givenOptions(body, responsesBody), ...present({ text: body.text }) }
  const inChats = chatOptions(options, tools)
  // Only responses take a choice among no tools.
  const isIdle = !tools && (tool_choice === 'auto' || tool_choice === 'none')
  const toolChoice = isIdle ? undefined : (tool_choice ?? undefined)
  const said = typeof input === 'string' ? [{ role: 'user' as const, content: input }] : messagesOf(input)
  return {
    messages: [...(instructions ? [{ role: 'system' as const, content: instructions }] : []), ...said],
    outputTokensMax: max_output_tokens ?? undefined,
    temperature: temperature ?? undefined,
    stop: stopOf(stop),
    tools: tools?.map(toolOf),
    toolChoice: typeof toolChoice === 'object' ? { name: toolChoice.name } : toolChoice,
    dialectOptions: {
      'openai-responses': isIdle ? { ...options, tool_choice } : options,
      'openai-chat': inChats,
      'anthropic-messages': messagesOptions(inChats, tools),
    },
  }
}

/** Converts items to messages. Consecutive tool calls share one message, with the text before them. */
function messagesOf(items: readonly z.output<typeof item>[]): ChatMessage[] {
  const messages: ChatMessage[] = []
  for (const given of items) {
    if (given.type === 'message' || given.type === undefined) messages.push(messageOf(given))
    if (given.type === 'function_call_output') {
      messages.push({ role: 'tool', toolCallId: given.call_id, content: textOf(given.output) })
    }
    if (given.type === 'function_call') {
      const call = { id: given.call_id, name: given.name, arguments: given.arguments }
      const last = messages.at(-1)
      if (last?.role !== 'assistant') messages.push({ role: 'assistant', content: null, toolCalls: [call] })
      else messages.splice(-1, 1, { ...last, toolCalls: [...(last.toolCalls ?? []), call] })
    }
  }
  return messages
}

function messageOf(given: z.output<typeof message>): ChatMessage {
  if (given.role !== 'user') return { role: given.role, content: textOf(given.content) }
  const { role, content } = given
  if (typeof content === 'string') return { role, content }
  return {
    role,
    content: content.map((each): ContentPart => {
      if (each.type !== 'input_image') return { type: 'text', text: partText(each) }
      return { type: 'image', url: each.image_url, ...present({ detail: each.detail }) }
    }),
  }
}

function textOf(given: z.output<typeof texts>): string {
  return typeof given === 'string' ? given : given.map(partText).join('\n')
}

function partText(given: z.output<typeof textPart | typeof refusalPart>): string {
  return given.type === 'refusal' ? given.refusal : given.text
}
