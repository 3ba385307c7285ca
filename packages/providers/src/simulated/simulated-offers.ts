import type { Offer, OfferCapabilities } from '@farebox/core'
import { openaiOffers } from '../openai/openai-offers.ts'

/** By OpenAI's vision guide, gpt-4o-mini counts 2,833 tokens for an image and 5,667 for each of its tiles, at most eight. */
const MINI_IMAGE_TOKENS = 48_169

/**
 * What the adapter sells: every provider in the default price book, and OpenAI's conversations and embeddings (November 2026).
 */
export const simulatedOffers: readonly Offer[] = [
  chatOffer('gpt', 'gpt-4o-mini', 0.72, 450, {
    images: true,
    imageTokensMax: MINI_IMAGE_TOKENS,
    contextTokens: 128_000,
    outputTokensMax: 16_384,
  }),
  chatOffer('gpt', 'gpt-4o', 0.86, 600, { images: true, contextTokens: 128_000, outputTokensMax: 16_384 }),
  chatOffer('gpt', 'gpt-4', 0.9, 1_100, { contextTokens: 8_192, outputTokensMax: 8_192 }),
  chatOffer('gpt', 'claude-3-haiku', 0.7, 500, { images: true, contextTokens: 200_000, outputTokensMax: 4_096 }),
  chatOffer('vision', 'gpt-4o-mini', 0.7, 900, {
    images: true,
    imageTokensMax: MINI_IMAGE_TOKENS,
    contextTokens: 128_000,
    outputTokensMax: 16_384,
  }),
  chatOffer('vision', 'gpt-4o', 0.88, 1_200, { images: true, contextTokens: 128_000, outputTokensMax: 16_384 }),
  { service: 'voice_stt', provider: 'deepgram', model: 'nova-3', capabilities: {}, quality: 0.88, latencyMs: 400 },
  {
    service: 'voice_stt',
    provider: 'openai-whisper',
    model: 'gpt-transcribe',
    capabilities: {},
    quality: 0.92,
    latencyMs: 1_500,
  },
  speechOffer('openai-tts', 'tts-1', 0.78, 500, 4_096),
  speechOffer('elevenlabs', 'eleven_multilingual_v2', 0.94, 450, 10_000),
  speechOffer('cartesia', 'sonic-3', 0.86, 150, 20_000),
  { service: 'phone', provider: 'twilio', model: 'outbound', capabilities: {}, quality: 0.9, latencyMs: 3_000 },
  ...openaiOffers().filter(({ service }) => service === 'realtime' || service === 'embedding'),
]

/** A pair of service and provider, which more than one adapter may sell. */
export type OfferPair = Pick<Offer, 'service' | 'provider'>

/** `offers` without the pairs that `others` also sell. */
export function withoutPairs(offers: readonly Offer[], others: readonly OfferPair[]): readonly Offer[] {
  return offers.filter(
    (offer) => !others.some(({ service, provider }) => service === offer.service && provider === offer.provider),
  )
}

function chatOffer(service: string, model: string, quality: number, latencyMs: number, capabilities: OfferCapabilities): Offer {
  return { service, provider: model, model, quality, latencyMs, capabilities: { streaming: true, tools: true, ...capabilities } }
}

function speechOffer(provider: string, model: string, quality: number, latencyMs: number, charactersMax: number): Offer {
  return { service: 'voice_tts', provider, model, quality, latencyMs, capabilities: { streaming: true, charactersMax } }
}
