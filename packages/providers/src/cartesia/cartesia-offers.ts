import type { Offer } from '@farebox/core'

/** The models that stand behind the name of Cartesia. */
export interface CartesiaModels {
  /** What speaks. @defaultValue `sonic-3` */
  speak?: string
  /** What transcribes recordings. @defaultValue `ink-whisper`, the only family that does */
  transcribe?: string
  /** What transcribes live sound where a request names the model of recordings. @defaultValue `ink-2` */
  listen?: string
}

/** The models in use, each named. */
export type ResolvedCartesiaModels = Readonly<Required<CartesiaModels>>

/** Fills in what `models` leaves open. */
export function cartesiaModels(models: CartesiaModels = {}): ResolvedCartesiaModels {
  return { speak: models.speak ?? 'sonic-3', transcribe: models.transcribe ?? 'ink-whisper', listen: models.listen ?? 'ink-2' }
}

/**
 * What Cartesia sells, as of November 2026. One offer stands for recordings and live sound, as a name of a provider is a role; they
 * are served by different models at different prices, so a live transcription tells in its last event which model served it.
 * Cartesia publishes no limit to the length of a text.
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
      // What hears live is another model, and the recordings' own has another price there.
      liveModel: listen === 'ink-whisper' ? 'ink-whisper-streaming' : listen,
      capabilities: { streaming: true },
      quality: 0.84,
      latencyMs: 400,
    },
  ]
}

/**
 * The voice that speaks when a request names none: the one of the SDK's own examples.
 *
 * @source README of @cartesia/cartesia-js 4.2.0
 */
export const CARTESIA_VOICE = 'e07c00bc-4134-4eae-9ea4-1a55fb45746b'

/**
 * Live models that understand English alone.
 *
 * @source the type of `language` in @cartesia/cartesia-js 4.2.0, resources/stt/manual-finalize
 */
export const ENGLISH_ONLY: ReadonlySet<string> = new Set(['ink-2'])
