import { characterUsage, countCharacters, type Offer, type Quantity, quantity, type UsageQuantity } from '@farebox/core'
import { encodingOf, measureText, textTokens } from '@farebox/pricing'
import { loadTokenizers } from '@farebox/pricing/tokenizer'
import type { RouteNeeds, RouteRequest } from '@farebox/router'
import { checkText, checkTexts } from './check-calls.ts'
import type { LoadTokenizers } from './measure-chat.ts'
import type { CallOptions, PhoneInput } from './workflow-calls.ts'

/** A phone call is ended at this length where its caller does not say. */
export const CALL_SECONDS_MAX = 600

/** A transcription as routing takes it. */
export function transcribeRoute(durationSeconds: number, options: CallOptions & { language?: string }): RouteRequest {
  const expected = seconds(durationSeconds)
  return {
    service: 'voice_stt',
    operation: 'transcribe',
    expected,
    ceiling: longer(expected),
    ...choices(options, spoken(options.language)),
  }
}

/** A speech as routing takes it. Its price is known before it is spoken. */
export function speakRoute(text: string, options: CallOptions): RouteRequest {
  checkText(text)
  const usage = [characterUsage(text)]
  const characters = countCharacters(text, 'code_points')
  return {
    service: 'voice_tts',
    operation: 'speak',
    expected: usage,
    ceiling: usage,
    ...choices(options, { characters }),
  }
}

/** The first part of a live transcription as routing takes it. */
export function listenRoute(durationSeconds: number, language: string | undefined, options: CallOptions): RouteRequest {
  const expected = seconds(durationSeconds)
  return { service: 'voice_stt', operation: 'listen', expected, ceiling: expected, ...choices(options, spoken(language)) }
}

/** The first turn of a conversation as routing takes it. */
export function converseRoute(turn: { expected: UsageQuantity[]; ceiling: UsageQuantity[] }, options: CallOptions): RouteRequest {
  return { service: 'realtime', operation: 'converse', ...turn, ...choices(options) }
}

/** Texts to be turned into vectors, as routing takes them: counted by the vocabularies of the models that may do it. */
export async function embedRoute(
  inputs: readonly string[],
  offers: readonly Offer[],
  { loadTokenizers: load = loadTokenizers }: { loadTokenizers?: LoadTokenizers },
  options: CallOptions,
): Promise<RouteRequest> {
  checkTexts(inputs)
  const counters = await load(new Set(offers.map(({ model }) => encodingOf(model) ?? 'cl100k_base')))
  const measures = await Promise.all(inputs.map((input) => measureText(input, counters)))
  const usageOf = (offer?: Offer) => {
    const at = (level: 'expected' | 'high') => measures.reduce((sum, text) => sum + textTokens(text, offer?.model)[level], 0)
    const tokens = (count: number): UsageQuantity[] => [{ meter: 'input', quantity: quantity(Math.ceil(count)), unit: 'tokens' }]
    return { expected: tokens(at('expected')), ceiling: tokens(at('high')) }
  }
  return { service: 'embedding', operation: 'embed', ...usageOf(), usageOf, ...choices(options) }
}

/** A phone call as routing takes it: held for as long as it may take, at the price of its numbers. */
export function callRoute(
  durationSecondsMax: number,
  { to, from, ...options }: CallOptions & Partial<Pick<PhoneInput, 'to' | 'from' | 'durationSecondsExpected'>>,
): RouteRequest {
  const ceiling = seconds(durationSecondsMax)
  const expected = seconds(Math.min(options.durationSecondsExpected ?? durationSecondsMax, durationSecondsMax))
  return { service: 'phone', operation: 'call', expected, ceiling, numbers: { to, from }, ...choices(options) }
}

/** The choices of a caller that routing knows about, with what the call itself needs. */
export function choices(
  { provider, complexity, accuracy, metadata, needs }: CallOptions,
  own: RouteNeeds = {},
): Pick<RouteRequest, 'provider' | 'complexity' | 'accuracy' | 'metadata' | 'needs'> {
  return { provider, complexity, accuracy, metadata, needs: { ...needs, ...own } }
}

/** Providers measure sound a little differently than its header does. */
export function longer(quantities: readonly UsageQuantity[]): UsageQuantity[] {
  return quantities.map((usage) => ({ ...usage, quantity: (usage.quantity + usage.quantity / 50n + 1_000_000n) as Quantity }))
}

/** A need to understand a language, where one is named. */
function spoken(language: string | undefined): RouteNeeds {
  return language === undefined ? {} : { language }
}

/** A duration as usage. */
export function seconds(duration: number): UsageQuantity[] {
  return [{ meter: 'duration', quantity: quantity(duration), unit: 'seconds' }]
}
