import type { Offer } from '@farebox/core'

/** The models behind the provider `cartesia`. */
export interface CartesiaModels {
  /** The model that speaks. @defaultValue `sonic-3` */
  speak?: string
  /** The model that transcribes recordings. @defaultValue `ink-whisper`, the only family that does */
  transcribe?: string
  /** The model that transcribes live audio when a request names the model for recordings. @defaultValue `ink-2` */
  listen?: string
}

/** The models in use, with defaults filled in. */
export type ResolvedCartesiaModels = Readonly<Required<CartesiaModels>>

/** Fills in the models that `models` omits. */
export function cartesiaModels(models: CartesiaModels = {}): ResolvedCartesiaModels {
  return { speak: models.speak ?? 'sonic-3', transcribe: models.transcribe ?? 'ink-whisper', listen: models.listen ?? 'ink-2' }
}

/**
 * What Cartesia sells, as of November 2026.
 *
 * One offer covers recordings and live audio, because a provider name is a role. Different models serve them at different prices,
 * so the last event of a live transcription names the model that served it. Cartesia publishes no limit on the length of a text.
 *
 * @source https://docs.cartesia.ai/build-with-cartesia/tts-models/latest and …/stt-models/latest
 */
export function cartesiaOffers(models: CartesiaModels = {}): readonly Offer[] {
  const { speak, transcribe, listen } = cartesiaModels(models)
  return [
    {
      service: 'voice_tts',
      provider: 'cartesia',
      model: speak,
      capabilities: { streaming: true },
      quality: 0.86,
      latencyMs: 150,
    },
    {
      service: 'voice_stt',
      provider: 'cartesia',
      model: transcribe,
      // Another model serves live audio. If it is the same one, its live price still differs.
      liveModel: listen === 'ink-whisper' ? 'ink-whisper-streaming' : listen,
      capabilities: { streaming: true },
      quality: 0.84,
      latencyMs: 400,
    },
  ]
}

/**
 * The voice for requests that name none, taken from the SDK's examples.
 *
 * @source README of @cartesia/cartesia-js 4.2.0
 */
export const CARTESIA_VOICE = 'e07c00bc-4134-4eae-9ea4-1a55fb45746b'

/**
 * Live models that understand only English.
 *
 * @source the type of `language` in @cartesia/cartesia-js 4.2.0, resources/stt/manual-finalize
 */
export const ENGLISH_ONLY: ReadonlySet<string> = new Set(['ink-2'])
