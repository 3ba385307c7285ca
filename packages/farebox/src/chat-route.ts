import {
  type ChatEvent,
  type ChatMessage,
  type ChatRequest,
  type ContentPart,
  formatQuantity,
  type Offer,
  quantity,
  type Usage,
  type UsageQuantity,
} from '@farebox/core'
import { InvalidInputError } from '@farebox/ledger'
import { type ChatMeasure, chatUsageRange, encodingOf, measureText, textTokens, type UsageRange } from '@farebox/pricing'
import { loadTokenizers } from '@farebox/pricing/tokenizer'
import { chatFeatures, type RouteRequest } from '@farebox/router'
import { choices } from './call-routes.ts'
import type { LoadTokenizers } from './measure-chat.ts'
import { webSearches } from './web-searches.ts'
import type { ChatInput } from './workflow-calls.ts'

/** Tokens that an answer may have where its caller does not say. */
export const OUTPUT_TOKENS_MAX = 1_024

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

/** The route request of a chat, which also knows what each model uses at least. */
export interface ChatRoute extends RouteRequest {
  usageOf: (offer: Offer) => UsageRange & Pick<RouteRequest, 'ceiling'>
}

/** A chat as routing takes it: what it will use of each model, and what it needs. */
export function chatRoute(
  service: 'gpt' | 'vision',
  operation: 'chat' | 'see',
  input: ChatInput,
  measure: ChatMeasure,
): ChatRoute {
  const any = chatUsageRange(measure)
  const hasImages = measure.images.length > 0
  const isTextAlone = !hasImages && measure.tools.count === 0
  // A text alone is the same to all models of one vocabulary, and to all whose vocabulary is not public.
  const kindOf = ({ model, capabilities }: Offer) =>
    isTextAlone ? (encodingOf(model) ?? (/claude/i.test(model) ? 'claude' : 'any')) : `${model} ${capabilities.imageTokensMax}`
  const known = new Map([['any', Object.assign(any, { ceiling: any.high })]])
  return {
    service,
    operation,
    expected: any.expected,
    ceiling: any.high,
    otherMeters: any.otherMeters,
    ceilingIfPriced: webSearches(input),
    usageOf(offer) {
      const kind = kindOf(offer)
      let usage = known.get(kind)
      if (!usage) {
        const range = chatUsageRange(measure, offer.model, offer.capabilities.imageTokensMax)
        usage = Object.assign(range, { ceiling: range.high })
        known.set(kind, usage)
      }
      return usage
    },
    features: () => chatFeatures(input.messages, { tools: input.tools, outputTokensMax: input.outputTokensMax }),
    ...choices(input, {
      contextTokens: contextTokens(any.expected, measure),
      ...(input.tools?.length && { tools: true }),
      ...(hasImages && { images: true }),
    }),
  }
}

/**
 * A chat that another provider has begun to answer, for the one that is to go on: it is shown what was said, and asked for the rest alone.
 */
export function continuedMessages(
  messages: readonly ChatMessage[],
  earlier: readonly (readonly ChatEvent[])[],
): readonly ChatMessage[] {
  if (earlier.length === 0) return messages
  const said = earlier.flat().map((event) => (event.type === 'text' ? event.text : ''))
  return [...messages, { role: 'assistant', content: said.join('') }, { role: 'user', content: GO_ON }]
}

/** Some models would begin anew after their own unfinished words, and some go on without being told: all understand this. */
const GO_ON = 'Your answer was cut off. Go on from exactly where it stopped: say only the rest, and repeat nothing of it.'

/** Messages that ask about images. */
export function questionAbout(prompt: string, images: readonly string[]): ChatMessage[] {
  if (!Array.isArray(images)) throw new InvalidInputError('images', 'must be a list of URLs')
  const pictures = images.map((url): ContentPart => ({ type: 'image', url }))
  return [{ role: 'user', content: [{ type: 'text', text: prompt }, ...pictures] }]
}

/**
 * What a chat used at least, where the provider did not say: the question, and what was produced of the answer, counted by the model's
 * vocabulary where that is at hand.
 */
export async function floorUsage(
  measure: ChatMeasure,
  { model }: Pick<Offer, 'model'>,
  produced: readonly ChatEvent[],
  load: LoadTokenizers = loadTokenizers,
): Promise<Usage> {
  const answered = produced.map((event) => {
    if (event.type === 'text') return event.text
    return event.type === 'tool_call' ? event.arguments : ''
  })
  const counters = await load([encodingOf(model) ?? 'o200k_base'])
  const { low } = textTokens(await measureText(answered.join(''), counters), model)
  const asked = chatUsageRange(measure, model).low.filter(({ meter }) => meter === 'input')
  return { quantities: [...asked, { meter: 'output', quantity: quantity(low), unit: 'tokens' }], certainty: 'floor' }
}

/** A model is not passed over because of the little that its question may be longer than expected. */
function contextTokens(expected: readonly UsageQuantity[], { outputTokensMax }: ChatMeasure): number {
  const input = expected.find(({ meter }) => meter === 'input')
  return outputTokensMax + (input ? Number(formatQuantity(input.quantity)) : 0)
}
