import type Anthropic from '@anthropic-ai/sdk'
import { countTokens } from './openai-answers.ts'

/** What the loopback is told to answer a message with; what is absent is made up from the request. */
export interface MessageAnswer {
  text?: string
  /** What the model thought first. */
  thinking?: string
  toolCalls?: readonly { id: string; name: string; input: Record<string, unknown> }[]
  stopReason?: Anthropic.StopReason
  /** The model that answers. @defaultValue the model asked for */
  model?: string
  /** Without what was read from a cache or written to one. */
  inputTokens?: number
  cachedTokens?: number
  /** Written to caches of five minutes and of one hour. */
  cacheWrites?: { fiveMinutes: number; oneHour: number }
  outputTokens?: number
  /** Of the output's tokens. */
  thinkingTokens?: number
}

/** A message as it was asked for. */
export interface MessageAsked {
  model: string
  messages: readonly Anthropic.MessageParam[]
  stream: boolean
}

/** The body of an answer. */
export function message(id: string, asked: MessageAsked, answer: MessageAnswer): Anthropic.Message {
  const toolCalls = answer.toolCalls ?? []
  const text = answer.text ?? (toolCalls.length > 0 ? '' : `You said: ${lastWords(asked.messages)}`)
  const content: Anthropic.ContentBlock[] = []
  if (answer.thinking !== undefined) content.push({ type: 'thinking', thinking: answer.thinking, signature: 'c2lnbmVk' })
  if (text !== '') content.push({ type: 'text', text, citations: null })
  for (const call of toolCalls) content.push({ type: 'tool_use', ...call, caller: { type: 'direct' } })
  return {
    id,
    type: 'message',
    role: 'assistant',
    model: answer.model ?? asked.model,
    content,
    container: null,
    diagnostics: null,
    stop_details: null,
    stop_reason: answer.stopReason ?? (toolCalls.length > 0 ? 'tool_use' : 'end_turn'),
    stop_sequence: null,
    usage: usage(asked, answer, text),
  } satisfies Anthropic.Message
}

/** The events of a streamed answer, as Anthropic sends them: input counted first, output last and for the whole answer. */
export function messageEvents(whole: Anthropic.Message): Anthropic.RawMessageStreamEvent[] {
  const { output_tokens, output_tokens_details, ...input } = whole.usage
  const started: Anthropic.Usage = { ...input, output_tokens: 1, output_tokens_details: null }
  return [
    { type: 'message_start', message: { ...whole, content: [], stop_reason: null, usage: started } },
    ...whole.content.flatMap(blockEvents),
    {
      type: 'message_delta',
      delta: { container: null, stop_details: null, stop_reason: whole.stop_reason, stop_sequence: null },
      usage: {
        output_tokens,
        output_tokens_details,
        input_tokens: input.input_tokens,
        cache_creation_input_tokens: input.cache_creation_input_tokens,
        cache_read_input_tokens: input.cache_read_input_tokens,
        server_tool_use: null,
      },
    },
    { type: 'message_stop' },
  ] satisfies Anthropic.RawMessageStreamEvent[]
}

/** An error as Anthropic words it. */
export function errorBody(type: Anthropic.ErrorType, words: string, details?: Record<string, unknown>) {
  return { type: 'error', error: { type, message: words, ...(details && { details }) }, request_id: 'req_told' } as const
}

function blockEvents(block: Anthropic.ContentBlock, index: number): Anthropic.RawMessageStreamEvent[] {
  const stop = { type: 'content_block_stop', index } as const
  const delta = (given: Anthropic.RawContentBlockDelta) => ({ type: 'content_block_delta', index, delta: given }) as const
  switch (block.type) {
    case 'text':
      return [
        { type: 'content_block_start', index, content_block: { ...block, text: '' } },
        ...(block.text.match(/\S+\s*/g) ?? []).map((text) => delta({ type: 'text_delta', text })),
        stop,
      ]
    case 'thinking':
      return [
        { type: 'content_block_start', index, content_block: { ...block, thinking: '', signature: '' } },
        delta({ type: 'thinking_delta', thinking: block.thinking }),
        delta({ type: 'signature_delta', signature: block.signature }),
        stop,
      ]
    case 'tool_use': {
      const json = Object.keys(block.input as object).length === 0 ? '' : JSON.stringify(block.input)
      return [
        { type: 'content_block_start', index, content_block: { ...block, input: {} } },
        ...['', json.slice(0, 5), json.slice(5)].map((partial_json) => delta({ type: 'input_json_delta', partial_json })),
        stop,
      ]
    }
    default:
      throw new Error(`the loopback has no ${block.type}`)
  }
}

function usage(asked: MessageAsked, answer: MessageAnswer, text: string): Anthropic.Usage {
  const { fiveMinutes = 0, oneHour = 0 } = answer.cacheWrites ?? {}
  return {
    input_tokens: answer.inputTokens ?? countTokens(JSON.stringify(asked.messages)),
    output_tokens: answer.outputTokens ?? countTokens(text) + (answer.thinkingTokens ?? 0),
    output_tokens_details: answer.thinkingTokens === undefined ? null : { thinking_tokens: answer.thinkingTokens },
    cache_read_input_tokens: answer.cachedTokens ?? 0,
    cache_creation_input_tokens: fiveMinutes + oneHour,
    cache_creation: { ephemeral_5m_input_tokens: fiveMinutes, ephemeral_1h_input_tokens: oneHour },
    server_tool_use: null,
    service_tier: 'standard',
    inference_geo: null,
    speed: null,
  } satisfies Anthropic.Usage
}

/** What was said last, as one text. */
export function lastWords(messages: readonly Anthropic.MessageParam[]): string {
  const content = messages.findLast(({ role }) => role === 'user')?.content ?? ''
  if (typeof content === 'string') return content
  return content.map((block) => (block.type === 'text' ? block.text : `(${block.type})`)).join(' ')
}
