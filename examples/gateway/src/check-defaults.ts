import type { Offer } from '@farebox/core'
import { type Environment, SetupError } from './environment.ts'

const SERVICES = { DEFAULT_AI_MODEL: 'gpt', DEFAULT_TTS_PROVIDER: 'voice_tts', DEFAULT_STT_PROVIDER: 'voice_stt' } as const

/**
 * Checks that the default providers exist. Without this, another provider would silently answer instead of a misspelt one.
 *
 * @param offers  the offers of every adapter, including disabled ones: a key that is missing today may be there tomorrow
 * @throws {SetupError} no adapter knows the name
 */
export function checkDefaults(environment: Environment, offers: readonly Offer[]): void {
  for (const [setting, service] of Object.entries(SERVICES)) {
    const name = environment[setting as keyof typeof SERVICES]
    const known = [...new Set(offers.filter((offer) => offer.service === service).map(({ provider }) => provider))]
    if (name === undefined || known.includes(name)) continue
    throw new SetupError(`${setting} must be one of ${known.join(', ')}, received ${JSON.stringify(name)}`)
  }
}
