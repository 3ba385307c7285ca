import type { Offer } from '@farebox/core'

/** The models behind the provider `deepgram`. */
export interface DeepgramModels {
  /** The model that transcribes. @defaultValue `nova-3` */
  transcribe?: string
  /** The model that speaks. At Deepgram each voice is a model. @defaultValue `aura-2-thalia-en` */
  speak?: string
}

/**
 * What Deepgram sells, as of November 2026. Both offers use the provider name `deepgram`, and the default cost book prices them
 * by model: `nova-3` by the second, `aura-2-…` by the character.
 *
 * @source https://developers.deepgram.com/docs/text-to-speech (at most 2,000 characters a request)
 */
export function deepgramOffers(models: DeepgramModels = {}): readonly Offer[] {
  return [
    {
      service: 'voice_stt',
      provider: 'deepgram',
      model: models.transcribe ?? 'nova-3',
      ...((models.transcribe ?? 'nova-3') === 'nova-3' && { liveModel: 'nova-3-streaming' }),
      capabilities: { streaming: true },
      quality: 0.88,
      latencyMs: 400,
    },
    {
      service: 'voice_tts',
      provider: 'deepgram',
      model: models.speak ?? 'aura-2-thalia-en',
      capabilities: { streaming: true, charactersMax: 2_000 },
      quality: 0.8,
      latencyMs: 300,
    },
  ]
}
