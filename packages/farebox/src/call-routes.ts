import { characterUsage, countCharacters, type Offer, type Quantity, quantity, type UsageQuantity } from '@farebox/core'
import { encodingOf, measureText, textTokens } from '@farebox/pricing'
import { loadTokenizers } from '@farebox/pricing/tokenizer'
import type { RouteNeeds, RouteRequest } from '@farebox/router'
import { checkText, checkTexts } from './check-calls.ts'
import type { LoadTokenizers } from './measure-chat.ts'
import type { CallOptions, PhoneInput } from './workflow-calls.ts'

/** The default maximum length of a phone call. */
export const CALL_SECONDS_MAX = 600

/** The route request of a transcription. */
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

/** The route request of a speech. Its usage is known in advance. */
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

/** The route request of the first part of a live transcription. */
export function listenRoute(durationSeconds: number, language: string | undefined, options: CallOptions): RouteRequest {
  const expected = seconds(durationSeconds)
  return { service: 'voice_stt', operation: 'listen', expected, ceiling: expected, ...choices(options, spoken(language)) }
}

/** The route request of the first turn of a conversation. */
export function converseRoute(turn: Pick<RouteRequest, 'expected' | 'ceiling' | 'usageOf'>, options: CallOptions): RouteRequest {
  return { service: 'realtime', operation: 'converse', ...turn, ...choices(options) }
}

/** The route request of texts to embed. Counts them with the tokenizers of the models that may serve it. */
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

/** The route request of a phone call. The hold covers its maximum length, at the price of its numbers. */
export function callRoute(
  durationSecondsMax: number,
  { to, from, ...options }: CallOptions & Partial<Pick<PhoneInput, 'to' | 'from' | 'durationSecondsExpected'>>,
): RouteRequest {
  const ceiling = seconds(durationSecondsMax)
  const expected = seconds(Math.min(options.durationSecondsExpected ?? durationSecondsMax, durationSecondsMax))
  return { service: 'phone', operation: 'call', expected, ceiling, numbers: { to, from }, ...choices(options) }
}

/** The caller's options that routing uses, combined with the needs of the call itself. */
export function choices(
  { provider, complexity, accuracy, metadata, needs }: CallOptions,
  own: RouteNeeds = {},
): Pick<RouteRequest, 'provider' | 'complexity' | 'accuracy' | 'metadata' | 'needs'> {
  return { provider, complexity, accuracy, metadata, needs: { ...needs, ...own } }
}

/** Adds a margin, because providers measure audio a little differently than its header does. */
export function longer(quantities: readonly UsageQuantity[]): UsageQuantity[] {
  return quantities.map((usage) => ({ ...usage, quantity: (usage.quantity + usage.quantity / 50n + 1_000_000n) as Quantity }))
}

/** Requires a provider that understands the language, if one is given. */
function spoken(language: string | undefined): RouteNeeds {
  return language === undefined ? {} : { language }
}

/** Converts a duration in seconds to a usage. */
export function seconds(duration: number): UsageQuantity[] {
  return [{ meter: 'duration', quantity: quantity(duration), unit: 'seconds' }]
}
