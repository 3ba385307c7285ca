import type { ProviderAdapter } from '@farebox/core'
import { openai } from '@farebox/providers/openai'
import { simulated, simulatedOffers } from '@farebox/providers/simulated'
import { type Environment, isSet, SetupError } from './environment.ts'

/** Keys of providers that this version of Farebox has no adapter for yet. */
const NOT_YET = [
  'ANTHROPIC_API_KEY',
  'CARTESIA_API_KEY',
  'DEEPGRAM_API_KEY',
  'ELEVENLABS_API_KEY',
  'TWILIO_AUTH_TOKEN',
  'LIVEKIT_API_KEY',
] as const

export interface Providers {
  adapters: ProviderAdapter[]
  /** What to tell whoever starts the gateway, a line each. */
  notes: string[]
}

/**
 * The providers that have keys, and a simulated one for every service that none of them can serve.
 *
 * @throws {SetupError} in production, when nothing is real and nobody asked for simulation
 */
export function chooseProviders(environment: Environment): Providers {
  const real = [openai({ apiKey: environment.OPENAI_API_KEY, baseURL: environment.OPENAI_BASE_URL })]
  const ready = real.filter(({ availability }) => availability.status === 'ready')
  const served = new Set(ready.flatMap(({ offers }) => offers.map(({ service }) => service)))
  const missing = [...new Set(simulatedOffers.map(({ service }) => service))].filter((service) => !served.has(service))

  const isProduction = environment.NODE_ENV === 'production'
  const mayHide = environment.FAREBOX_SIMULATED === undefined ? !isProduction : isSet(environment.FAREBOX_SIMULATED)
  if (!mayHide && ready.length === 0) {
    throw new SetupError(
      'no provider has a key, and simulated providers are not used in production: set OPENAI_API_KEY, or FAREBOX_SIMULATED=true to simulate',
    )
  }
  const adapters: ProviderAdapter[] = [...real]
  if (mayHide && missing.length > 0) adapters.push(simulated({ services: missing }))
  return {
    adapters,
    notes: [
      ...real.map(({ name, availability }) =>
        availability.status === 'ready'
          ? `real       ${name}: ${[...served].join(', ')}`
          : `off        ${name}: ${availability.reason}`,
      ),
      ...(missing.length > 0 ? [`${mayHide ? 'simulated ' : 'not served'} ${missing.join(', ')}`] : []),
      ...NOT_YET.filter((name) => environment[name]).map((name) => `ignored    ${name}: this version has no adapter for it`),
    ],
  }
}
