import { type ChatEvent, type ChatMessage, type ChatRequest, type ContentPart, quantity, type Usage } from '@farebox/core'
import { type ChatSize, chatQuantities } from '@farebox/pricing'
import type { RouteRequest } from '@farebox/router'
import type { ChatInput } from './workflow-calls.ts'

const OUTPUT_TOKENS_MAX = 1_024
/** Characters of English per token: good enough for what is said to be at least. */
const CHARACTERS_PER_TOKEN = 4

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
  const contextTokens = quantities.ceiling.reduce((sum, { quantity: tokens }) => sum + Number(tokens / 1_000_000n), 0)
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
  const { characters } = sizeOf(input)
  const answered = produced.reduce((sum, event) => {
    if (event.type === 'text') return sum + event.text.length
    return event.type === 'tool_call' ? sum + event.arguments.length : sum
  }, 0)
  const tokens = (count: number) => quantity(Math.ceil(count / CHARACTERS_PER_TOKEN))
  return {
    quantities: [
      { meter: 'input', quantity: tokens(characters), unit: 'tokens' },
      { meter: 'output', quantity: tokens(answered), unit: 'tokens' },
    ],
    certainty: 'floor',
  }
}

function sizeOf({ messages, tools, outputTokensMax = OUTPUT_TOKENS_MAX }: ChatInput): ChatSize & { images: number } {
  let characters = tools?.length ? JSON.stringify(tools).length : 0
  let images = 0
  for (const { content } of messages) {
    if (typeof content === 'string') characters += content.length
    else
      for (const part of content ?? []) {
        if (part.type === 'text') characters += part.text.length
        else images += 1
      }
  }
  return { characters, images, messages: messages.length, outputTokensMax }
}
