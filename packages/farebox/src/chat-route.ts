import { type ChatEvent, type ChatMessage, type ChatRequest, type ContentPart, quantity, type Usage } from '@farebox/core'
import { type ChatSize, chatQuantities } from '@farebox/pricing'
import type { RouteRequest } from '@farebox/router'
import type { ChatInput } from './workflow-calls.ts'

const OUTPUT_TOKENS_MAX = 1_024
/** Bytes of text per token: good enough for what is said to be at least. */
const BYTES_PER_TOKEN = 4
/** An image at low detail, the least that one is counted as. */
const IMAGE_TOKENS_MIN = 85
/** An image in the context of a model whose offer does not say. */
const IMAGE_TOKENS_MAX = 1_445

/** A chat as adapters take it. The answer is always limited, because what is held must cover it. */
export function chatRequest(input: ChatInput): Omit<ChatRequest, 'model'> {
  const { messages, temperature, stop, tools, toolChoice, providerOptions } = input
  return {
    messages,
    outputTokensMax: input.outputTokensMax ?? OUTPUT_TOKENS_MAX,
    temperature,
    stop,
    tools,
    toolChoice,
    providerOptions,
  }
}

/** A chat as routing takes it: what it will use, and what it needs. */
export function chatRoute(service: 'gpt' | 'vision', operation: 'chat' | 'see', input: ChatInput): RouteRequest {
  const size = sizeOf(input)
  const quantities = chatQuantities(size)
  const contextTokens = quantities.ceiling.reduce(
    (sum, { quantity: count, unit }) => sum + Number(count / 1_000_000n) * (unit === 'images' ? IMAGE_TOKENS_MAX : 1),
    0,
  )
  return {
    service,
    operation,
    ...quantities,
    needs: {
      contextTokens,
      ...(input.tools?.length && { tools: true }),
      ...(size.images && { images: true }),
    },
  }
}

/** Messages that ask about images. */
export function questionAbout(prompt: string, images: readonly string[]): ChatMessage[] {
  const pictures = images.map((url): ContentPart => ({ type: 'image', url }))
  return [{ role: 'user', content: [{ type: 'text', text: prompt }, ...pictures] }]
}

/** What a chat used at least, where the provider did not say: the question, and what was produced of the answer. */
export function floorUsage(input: ChatInput, produced: readonly ChatEvent[]): Usage {
  const { asciiCharacters, otherBytes, images } = sizeOf(input)
  const answered = produced.reduce((sum, event) => {
    if (event.type === 'text') return sum + Buffer.byteLength(event.text)
    return event.type === 'tool_call' ? sum + Buffer.byteLength(event.arguments) : sum
  }, 0)
  const tokens = (bytes: number) => quantity(Math.ceil(bytes / BYTES_PER_TOKEN))
  return {
    quantities: [
      {
        meter: 'input',
        quantity: tokens(asciiCharacters + otherBytes + images * IMAGE_TOKENS_MIN * BYTES_PER_TOKEN),
        unit: 'tokens',
      },
      { meter: 'output', quantity: tokens(answered), unit: 'tokens' },
    ],
    certainty: 'floor',
  }
}

function sizeOf({ messages, tools, outputTokensMax = OUTPUT_TOKENS_MAX }: ChatInput): ChatSize & { images: number } {
  const size = { asciiCharacters: 0, otherBytes: 0, images: 0 }
  const add = (text: string) => {
    const bytes = Buffer.byteLength(text)
    const other = bytes === text.length ? 0 : Buffer.byteLength(text.replace(/[\0-\x7f]+/g, ''))
    size.otherBytes += other
    size.asciiCharacters += bytes - other
  }
  if (tools?.length) add(JSON.stringify(tools))
  for (const { content } of messages) {
    if (typeof content === 'string') add(content)
    else
      for (const part of content ?? []) {
        if (part.type === 'text') add(part.text)
        else size.images += 1
      }
  }
  return { ...size, messages: messages.length, outputTokensMax }
}
