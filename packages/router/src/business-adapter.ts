import { credits, FareboxError, InvalidOptionError } from '@farebox/core'
import { presets } from './presets.ts'
import type { ServiceConfiguration } from './service-configuration.ts'

/** A use case, turned into the configuration that serves it. */
export interface BusinessAdapter {
  /** What callers choose it by: lower-case letters, digits and underscores. */
  readonly name: string
  readonly description: string
  readonly configuration: ServiceConfiguration
}

/** What {@link defineBusinessAdapter} takes. */
export interface BusinessAdapterInput {
  /** Lower-case letters, digits and underscores, at most 63, beginning with a letter. */
  name: string
  description: string
  /** Whole, or the fields that differ from {@link presets.balanced}. */
  configuration: Partial<ServiceConfiguration>
}

const NAME = /^[a-z][a-z0-9_]{0,62}$/

/**
 * A team's own business adapter.
 *
 * @throws {InvalidOptionError} the name is not lower-case letters, digits and underscores
 */
export function defineBusinessAdapter(input: BusinessAdapterInput): BusinessAdapter {
  if (!NAME.test(input.name)) {
    throw new InvalidOptionError(
      `name of a business adapter must be lower-case letters, digits and underscores, received ${JSON.stringify(input.name)}`,
    )
  }
  return Object.freeze({ ...input, configuration: presets.balanced(input.configuration) })
}

/** The business adapters that come with Farebox. */
export const businessAdapters = {
  emergencyservices: defineBusinessAdapter({
    name: 'emergencyservices',
    description: 'Emergency calls: the most accurate providers, every service on, no limit on cost.',
    configuration: presets.emergencyServices(),
  }),
  languagelearning: defineBusinessAdapter({
    name: 'languagelearning',
    description: 'Conversation practice: low-cost models and natural voices, no phone, at most 75 credits a request.',
    configuration: {
      primaryAiModel: 'gpt-4o-mini',
      fallbackAiModel: 'claude-3-haiku',
      ttsProvider: 'cartesia',
      sttProvider: 'deepgram',
      phoneEnabled: false,
      costOptimization: true,
      maxCreditsPerRequest: credits(75),
    },
  }),
} as const

/**
 * The business adapter called `name`: one of `extra`, else one of ours. A team's own may take the name of one of ours.
 *
 * @throws {UnknownBusinessAdapterError} nobody is called that; the error lists the names that are known
 */
export function resolveBusinessAdapter(name: string, extra: readonly BusinessAdapter[] = []): BusinessAdapter {
  const known = [...extra, ...Object.values(businessAdapters)]
  const found = known.find((adapter) => adapter.name === name)
  if (!found) throw new UnknownBusinessAdapterError(name, [...new Set(known.map((adapter) => adapter.name))])
  return found
}

/** No business adapter has this name. `known` lists those that can be asked for. */
export class UnknownBusinessAdapterError extends FareboxError {
  override readonly code = 'UNKNOWN_BUSINESS_ADAPTER'
  readonly requested: string
  readonly known: readonly string[]

  constructor(requested: string, known: readonly string[]) {
    super(`no business adapter is called ${JSON.stringify(requested)}; known are ${known.join(', ')}`)
    this.requested = requested
    this.known = known
  }
}
