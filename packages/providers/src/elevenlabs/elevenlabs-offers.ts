import type { Offer } from '@farebox/core'

/** The models that stand behind the name of ElevenLabs. */
export interface ElevenlabsModels {
  /** What speaks. @defaultValue `eleven_multilingual_v2` */
  speak?: string
  /** What transcribes. @defaultValue `scribe_v2` */
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
 * Characters that one request may have, by how the model is called; a model that is not listed publishes none.
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
 * The voice that speaks when a request names none: the one of ElevenLabs' own introduction.
 *
 * @source https://elevenlabs.io/docs/overview/intro
 */
export const ELEVENLABS_VOICE = 'JBFqnCBsd6RMkjVDRZzb'
