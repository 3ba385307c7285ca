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

/** The default maximum of tokens in an answer. */
export const OUTPUT_TOKENS_MAX = 1_024

/** The request for adapters. It always limits the answer, because the hold must cover it. */
export function chatRequest(input: ChatInput): Omit<ChatRequest, 'model'> & { outputTokensMax: number } {
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

/** The most tokens to ask of an offer: as many as the caller wants, or fewer if its answers cannot be so long. */
export function answerTokensMax(outputTokensMax: number, { capabilities }: Pick<Offer, 'capabilities'>): number {
  return Math.min(outputTokensMax, capabilities.outputTokensMax ?? outputTokensMax)
}

/** What an offer will use for a chat, by its model's rules. */
export function usageOfOffer(measure: ChatMeasure, offer: Pick<Offer, 'model' | 'capabilities'>): UsageRange {
  const outputTokensMax = answerTokensMax(measure.outputTokensMax, offer)
  return chatUsageRange({ ...measure, outputTokensMax }, offer.model, offer.capabilities.imageTokensMax)
}

/** The route request of a chat. Its `usageOf` includes the least that each model will use. */
export interface ChatRoute extends RouteRequest {
  usageOf: (offer: Offer) => UsageRange & Pick<RouteRequest, 'ceiling'>
}

/** Builds the route request of a chat: what it will use of each model, and what it needs. */
export function chatRoute(
  service: 'gpt' | 'vision',
  operation: 'chat' | 'see',
  input: ChatInput,
  measure: ChatMeasure,
): ChatRoute {
  const any = chatUsageRange(measure)
  const hasImages = measure.images.length > 0
  const isTextAlone = !hasImages && measure.tools.count === 0
  // Text counts the same for all models with one tokenizer, and for all models whose tokenizer is not public.
  const modelKind = ({ model, capabilities }: Offer) =>
    isTextAlone ? (encodingOf(model) ?? (/claude/i.test(model) ? 'claude' : 'any')) : `${model} ${capabilities.imageTokensMax}`
  const kindOf = (offer: Offer) => {
    const most = answerTokensMax(measure.outputTokensMax, offer)
    return most === measure.outputTokensMax ? modelKind(offer) : `${modelKind(offer)} ${most}`
  }
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
        const range = usageOfOffer(measure, offer)
        usage = Object.assign(range, { ceiling: range.high })
        known.set(kind, usage)
      }
      return usage
    },
    features: () => chatFeatures(input.messages, { tools: input.tools, outputTokensMax: input.outputTokensMax }),
    ...choices(input, {
      contextTokens: contextTokens(any.expected, measure),
      answerTokens: measure.outputTokensMax,
      ...(input.tools?.length && { tools: true }),
      ...(hasImages && { images: true }),
    }),
  }
}

/**
 * The messages for the provider that continues an answer: the chat, the answer so far, and a request for only the rest.
 */
export function continuedMessages(
  messages: readonly ChatMessage[],
  earlier: readonly (readonly ChatEvent[])[],
): readonly ChatMessage[] {
  if (earlier.length === 0) return messages
  const said = earlier.flat().map((event) => (event.type === 'text' ? event.text : ''))
  return [...messages, { role: 'assistant', content: said.join('') }, { role: 'user', content: GO_ON }]
}

/** Without this request, some models would start over after their own unfinished answer, while others continue. */
const GO_ON = 'Your answer was cut off. Go on from exactly where it stopped: say only the rest, and repeat nothing of it.'

/** Builds the messages of a question about images. */
export function questionAbout(prompt: string, images: readonly string[]): ChatMessage[] {
  if (!Array.isArray(images)) throw new InvalidInputError('images', 'must be a list of URLs')
  const pictures = images.map((url): ContentPart => ({ type: 'image', url }))
  return [{ role: 'user', content: [{ type: 'text', text: prompt }, ...pictures] }]
}

/**
 * The least that a chat used, if the provider reports no usage: the prompt, and what was produced of the answer. Counted with the
 * model's tokenizer if that is available. A provider whose tokens are longer than those counted here kept to the limit that it was
 * given, so the answer counts no more than that.
 */
export async function floorUsage(
  measure: ChatMeasure,
  offer: Pick<Offer, 'model' | 'capabilities'>,
  produced: readonly ChatEvent[],
  load: LoadTokenizers = loadTokenizers,
): Promise<Usage> {
  const answered = produced.map((event) => {
    if (event.type === 'text') return event.text
    return event.type === 'tool_call' ? event.arguments : ''
  })
  const { model } = offer
  const counters = await load([encodingOf(model) ?? 'o200k_base'])
  const { low } = textTokens(await measureText(answered.join(''), counters), model)
  const asked = usageOfOffer(measure, offer).low.filter(({ meter }) => meter === 'input')
  const output = quantity(Math.min(low, answerTokensMax(measure.outputTokensMax, offer)))
  return { quantities: [...asked, { meter: 'output', quantity: output, unit: 'tokens' }], certainty: 'floor' }
}

/** Uses the expected length, so that a model is not skipped because the prompt might turn out a little longer. */
function contextTokens(expected: readonly UsageQuantity[], { outputTokensMax }: ChatMeasure): number {
  const input = expected.find(({ meter }) => meter === 'input')
  return outputTokensMax + (input ? Number(formatQuantity(input.quantity)) : 0)
}
