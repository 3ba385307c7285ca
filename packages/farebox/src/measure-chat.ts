import { setImmediate as nextTurn } from 'node:timers/promises'
import type { ChatMessage, Offer } from '@farebox/core'
import {
  type ChatMeasure,
  encodingOf,
  type ImageFacts,
  measureText,
  type TextMeasure,
  type TokenEncoding,
} from '@farebox/pricing'
import { loadTokenizers, type Tokenizers } from '@farebox/pricing/tokenizer'
import type { Catalog } from '@farebox/router'
import { OUTPUT_TOKENS_MAX } from './chat-route.ts'
import { possibleOptions } from './dialect-options.ts'
import { readImage } from './read-image.ts'
import type { ChatInput } from './workflow-calls.ts'

/** The number of images to read before other work gets a turn: some milliseconds. */
const TURN_IMAGES = 100

/** Loads tokenizers. If one is missing, more is held for a text. */
export type LoadTokenizers = (encodings: Iterable<TokenEncoding>) => Promise<Tokenizers>

/**
 * Counts what a chat sends, with the tokenizers of the models that may answer it.
 *
 * @param offers  the offers that may answer
 */
export async function measureChat(
  input: ChatInput,
  offers: readonly Offer[],
  load: LoadTokenizers = loadTokenizers,
): Promise<ChatMeasure> {
  const { messages, tools = [], outputTokensMax = OUTPUT_TOKENS_MAX } = input
  const options = possibleOptions(input)
  // The tokenizers of other vendors are not public. This one is the closest to them.
  const counters = await load(new Set(offers.map(({ model }) => encodingOf(model) ?? 'o200k_base')))
  const measure = (text: string) => measureText(text, counters)
  const written = options.map((each) => JSON.stringify(each))
  const text = await measure(messages.map(textOf).join('\n'))
  return {
    text,
    messages: messages.length,
    images: await readImages(messages.flatMap(imagesOf)),
    tools: { text: await measure(tools.length > 0 ? JSON.stringify(tools) : ''), count: tools.length },
    other: largest(await Promise.all(written.map(measure))),
    outputTokensMax,
    answers: Math.max(1, ...options.map(answersOf)),
    asksForCache: written.some((text) => text.includes('"cache_control"')),
  }
}

/** The offers that may answer a chat: all of the service, or only those of the provider that the caller requested. */
export function offersFor(catalog: Catalog, service: string, provider: string | undefined): Offer[] {
  const offers = catalog.forService(service).map(({ offer }) => offer)
  return provider === undefined ? offers : offers.filter((offer) => offer.provider === provider)
}

function textOf(message: ChatMessage): string {
  const said = typeof message.content === 'string' ? [message.content] : (message.content ?? []).map(partText)
  const name = message.role === 'tool' ? undefined : message.name
  const called = message.role === 'assistant' ? (message.toolCalls ?? []) : []
  return [...(name === undefined ? [] : [name]), ...said, ...called.map((call) => `${call.name} ${call.arguments}`)].join('\n')
}

/** At least as large as each text, for each model. A shorter text may have more tokens. */
function largest(texts: readonly TextMeasure[]): TextMeasure {
  return texts.reduce<TextMeasure>(
    (most, text) => ({
      asciiCharacters: Math.max(most.asciiCharacters, text.asciiCharacters),
      otherBytes: Math.max(most.otherBytes, text.otherBytes),
      tokens: Object.fromEntries(
        Object.entries(text.tokens).map(([encoding, count]) => [
          encoding,
          Math.max(most.tokens[encoding as TokenEncoding] ?? 0, count),
        ]),
      ),
    }),
    { asciiCharacters: 0, otherBytes: 0, tokens: {} },
  )
}

function partText(part: { type: 'text'; text: string } | { type: 'image' }): string {
  return part.type === 'text' ? part.text : ''
}

type ImagePart = Extract<Exclude<ChatMessage['content'], string | null>[number], { type: 'image' }>

function imagesOf({ content }: ChatMessage): ImagePart[] {
  if (typeof content === 'string' || content === null) return []
  return content.filter((part) => part.type === 'image')
}

/** Yields to other work from time to time: a request may have so many small images that reading them takes seconds. */
async function readImages(parts: readonly ImagePart[]): Promise<ImageFacts[]> {
  const images: ImageFacts[] = []
  for (const { url, detail } of parts) {
    images.push(await readImage(url, detail))
    if (images.length % TURN_IMAGES === 0) await nextTurn()
  }
  return images
}

/** The number of answers that the options ask for. The provider bills each. */
function answersOf(options: Record<string, unknown>): number {
  const asked = options.n
  return typeof asked === 'number' && Number.isSafeInteger(asked) && asked > 1 ? asked : 1
}
