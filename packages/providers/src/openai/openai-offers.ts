import type { Offer } from '@farebox/core'

/** The models behind OpenAI's speech providers. */
export interface OpenaiModels {
  /** The model of `openai-whisper`. @defaultValue `gpt-transcribe` */
  transcribe?: string
  /** The model of `openai-tts`. @defaultValue `tts-1` */
  speak?: string
}

/**
 * What OpenAI sells, as of November 2026.
 *
 * Provider names are roles, while models change, because OpenAI retires them. `whisper-1` and `gpt-4o-transcribe` end on
 * 2027-02-26, so `openai-whisper` uses `gpt-transcribe`, which OpenAI bills by the audio's duration. `tts-1` and
 * `gpt-4o-mini-tts` both end on 2027-01-06 without a successor in this API. `openai-tts` uses `tts-1`, which OpenAI bills by the
 * character: its cost is known before the call, and when a speech breaks off. The chat models gpt-4o and gpt-4o-mini end on
 * 2027-01-14. gpt-realtime ends on 2027-01-20, and gpt-realtime-2.1 succeeds it.
 *
 * @source https://developers.openai.com/api/docs/deprecations, and the page of each model for its limits
 */
export function openaiOffers(models: OpenaiModels = {}): readonly Offer[] {
  return [
    chatOffer('gpt', 'gpt-4o-mini', {
      imageTokensMax: MINI_IMAGE_TOKENS,
      quality: 0.72,
      latencyMs: 450,
      images: true,
      contextTokens: 128_000,
      outputTokensMax: 16_384,
    }),
    chatOffer('gpt', 'gpt-4o', { quality: 0.86, latencyMs: 600, images: true, contextTokens: 128_000, outputTokensMax: 16_384 }),
    chatOffer('gpt', 'gpt-4', { quality: 0.9, latencyMs: 1_100, images: false, contextTokens: 8_192, outputTokensMax: 8_192 }),
    chatOffer('vision', 'gpt-4o-mini', {
      imageTokensMax: MINI_IMAGE_TOKENS,
      quality: 0.7,
      latencyMs: 900,
      images: true,
      contextTokens: 128_000,
      outputTokensMax: 16_384,
    }),
    chatOffer('vision', 'gpt-4o', {
      quality: 0.88,
      latencyMs: 1_200,
      images: true,
      contextTokens: 128_000,
      outputTokensMax: 16_384,
    }),
    {
      service: 'voice_stt',
      provider: 'openai-whisper',
      model: models.transcribe ?? 'gpt-transcribe',
      capabilities: {},
      quality: 0.92,
      latencyMs: 1_500,
    },
    {
      service: 'voice_tts',
      provider: 'openai-tts',
      model: models.speak ?? 'tts-1',
      capabilities: { streaming: true, charactersMax: 4_096 },
      quality: 0.78,
      latencyMs: 500,
    },
    realtimeOffer('gpt-realtime', { quality: 0.85, latencyMs: 500, contextTokens: 32_000, outputTokensMax: 4_096 }),
    realtimeOffer('gpt-realtime-2.1', { quality: 0.92, latencyMs: 600, contextTokens: 128_000, outputTokensMax: 32_000 }),
    embeddingOffer('text-embedding-3-small', { quality: 0.7, latencyMs: 200 }),
    embeddingOffer('text-embedding-3-large', { quality: 0.8, latencyMs: 300 }),
  ]
}

/** By OpenAI's vision guide, gpt-4o-mini counts 2,833 tokens for an image and 5,667 for each of its tiles, at most eight. */
const MINI_IMAGE_TOKENS = 48_169

/**
 * The most tokens that all texts of one request may have together. Each text may have 8,192, and a request may have 2,048 texts.
 *
 * @source the SDK's documentation of `embeddings.create`, `input`
 */
const EMBEDDING_TOKENS = 300_000

type ChatFacts = Pick<Offer, 'quality' | 'latencyMs'> & {
  images: boolean
  imageTokensMax?: number
  contextTokens: number
  outputTokensMax: number
}

function chatOffer(service: 'gpt' | 'vision', model: string, { quality, latencyMs, ...limits }: ChatFacts): Offer {
  return { service, provider: model, model, quality, latencyMs, capabilities: { streaming: true, tools: true, ...limits } }
}

function realtimeOffer(
  model: string,
  { quality, latencyMs, ...limits }: Pick<Offer, 'quality' | 'latencyMs'> & { contextTokens: number; outputTokensMax: number },
): Offer {
  return {
    service: 'realtime',
    provider: model,
    model,
    quality,
    latencyMs,
    capabilities: { streaming: true, tools: true, ...limits },
  }
}

function embeddingOffer(model: string, { quality, latencyMs }: Pick<Offer, 'quality' | 'latencyMs'>): Offer {
  return { service: 'embedding', provider: model, model, quality, latencyMs, capabilities: { contextTokens: EMBEDDING_TOKENS } }
}
