import type { Offer } from '@farebox/core'

/** The models behind the provider `elevenlabs`. */
export interface ElevenlabsModels {
  /** The model that speaks. @defaultValue `eleven_multilingual_v2` */
  speak?: string
  /** The model that transcribes. @defaultValue `scribe_v2` */
  transcribe?: string
}

/**
 * What ElevenLabs sells, as of November 2026.
 *
 * @source https://elevenlabs.io/docs/overview/models
 */
export function elevenlabsOffers(models: ElevenlabsModels = {}): readonly Offer[] {
  const speak = models.speak ?? 'eleven_multilingual_v2'
  const charactersMax = CHARACTERS_MAX.find(([start]) => speak.startsWith(start))?.[1]
  return [
    {
      service: 'voice_tts',
      provider: 'elevenlabs',
      model: speak,
      capabilities: { streaming: true, ...(charactersMax === undefined ? {} : { charactersMax }) },
      quality: 0.94,
      latencyMs: 450,
    },
    {
      service: 'voice_stt',
      provider: 'elevenlabs',
      model: models.transcribe ?? 'scribe_v2',
      capabilities: {},
      quality: 0.93,
      latencyMs: 1_200,
    },
  ]
}

/**
 * The most characters in one request, by the start of the model's name. For other models, ElevenLabs publishes no limit.
 *
 * @source https://help.elevenlabs.io/hc/en-us/articles/19572237925521
 */
const CHARACTERS_MAX: readonly (readonly [string, number])[] = [
  ['eleven_flash_v2_5', 40_000],
  ['eleven_turbo_v2_5', 40_000],
  ['eleven_flash_v2', 30_000],
  ['eleven_turbo_v2', 30_000],
  ['eleven_multilingual_', 10_000],
]

/**
 * The voice for requests that name none, taken from ElevenLabs' introduction.
 *
 * @source https://elevenlabs.io/docs/overview/intro
 */
export const ELEVENLABS_VOICE = 'JBFqnCBsd6RMkjVDRZzb'
