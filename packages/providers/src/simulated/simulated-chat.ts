import {
  type ChatMessage,
  type ChatRequest,
  type ChatResult,
  quantity,
  type Tool,
  type ToolCall,
  type Usage,
} from '@farebox/core'
import { asRecord } from '../adapter/answer.ts'
import { fingerprint } from './fingerprint.ts'
import { simulatedJson } from './simulated-json.ts'

const OPENINGS = ['Happy to help with that.', 'Good question.', 'Here is what I can tell you.', 'Let me answer that.']
/** Tokens of a message's framing and of a low-detail image, as OpenAI counts them. */
const MESSAGE_TOKENS = 4
const IMAGE_TOKENS = 85

/**
 * Answers the user's last message, in JSON if `response_format` of OpenAI's asks for it. The same seed and request give the same
 * answer.
 */
export function simulatedChat(request: ChatRequest, seed: number): Omit<ChatResult, 'usage'> & { usage: Usage } {
  const toolCalls = chooseTools(request, seed)
  const whole = toolCalls.length > 0 ? '' : answer(request, seed)
  const limit = (request.outputTokensMax ?? Number.POSITIVE_INFINITY) * 4
  const text = whole.length > limit ? whole.slice(0, limit) : whole
  return {
    text,
    ...(toolCalls.length > 0 ? { toolCalls } : {}),
    finishReason: toolCalls.length > 0 ? 'tool_calls' : text === whole ? 'stop' : 'length',
    model: request.model,
    usage: tokenUsage(
      countInputTokens(request),
      countTokens(text) + toolCalls.reduce((sum, call) => sum + countTokens(call.name + call.arguments), 0),
    ),
  }
}

/** The usage of a chat: input and output tokens. */
export function tokenUsage(input: number, output: number): Usage {
  return {
    quantities: [
      { meter: 'input', quantity: quantity(input), unit: 'tokens' },
      { meter: 'output', quantity: quantity(output), unit: 'tokens' },
    ],
    certainty: 'exact',
    raw: { input_tokens: input, output_tokens: output },
  }
}

/** Counts the tokens of all messages in a request. */
export function countInputTokens(request: ChatRequest): number {
  return request.messages.reduce((sum, message) => sum + messageTokens(message), 0)
}

/** Estimates tokens at four characters each, which is about right for English. */
export function countTokens(text: string): number {
  return Math.ceil(text.length / 4)
}

function answer(request: ChatRequest, seed: number): string {
  const said = sentence(request, seed)
  const format = asRecord(request.providerOptions?.response_format)
  if (format?.type === 'json_object') return JSON.stringify({ answer: said })
  const schema = format?.type === 'json_schema' ? asRecord(asRecord(format.json_schema)?.schema) : undefined
  return schema ? JSON.stringify(simulatedJson(schema)) : said
}

function sentence(request: ChatRequest, seed: number): string {
  const last = request.messages.findLast((message) => message.role === 'user')
  const said = last ? plainText(last) : ''
  const images = last ? countImages(last) : 0
  const opening = OPENINGS[fingerprint(seed, said) % OPENINGS.length] ?? ''
  const about = said === '' ? 'You have not asked anything yet' : `You asked: “${shortened(said)}”`
  const seen = images === 0 ? '' : ` I was shown ${images === 1 ? 'an image' : `${images} images`}.`
  return `${opening} ${about}.${seen} This answer is simulated by ${request.model}; with a provider's key a real one takes its place.`
}

function chooseTools(request: ChatRequest, seed: number): ToolCall[] {
  const { toolChoice, tools = [] } = request
  if (toolChoice === undefined || toolChoice === 'auto' || toolChoice === 'none') return []
  const tool = toolChoice === 'required' ? tools[0] : tools.find(({ name }) => name === toolChoice.name)
  return tool
    ? [{ id: `call_${fingerprint(seed, tool.name).toString(16)}`, name: tool.name, arguments: toolArguments(tool) }]
    : []
}

/** Arguments that fit a tool's parameters. */
export function toolArguments({ parameters }: Tool): string {
  return JSON.stringify(simulatedJson({ type: 'object', ...parameters }))
}

function messageTokens(message: ChatMessage): number {
  return MESSAGE_TOKENS + countTokens(plainText(message)) + countImages(message) * IMAGE_TOKENS
}

function plainText(message: ChatMessage): string {
  if (message.content === null || typeof message.content === 'string') return message.content ?? ''
  return message.content.flatMap((part) => (part.type === 'text' ? [part.text] : [])).join(' ')
}

function countImages(message: ChatMessage): number {
  return Array.isArray(message.content) ? message.content.filter((part) => part.type === 'image').length : 0
}

function shortened(text: string): string {
  const plain = text.trim().replace(/\s+/g, ' ')
  if (plain.length <= 120) return plain
  const characters = [...plain]
  return characters.length <= 120 ? characters.join('') : `${characters.slice(0, 119).join('')}…`
}
