import { checkOptionNames, credits, FareboxError, InvalidOptionError } from '@farebox/core'
import { presets } from './presets.ts'
import type { ServiceConfiguration } from './service-configuration.ts'

/** A named configuration for one use case. */
export interface BusinessAdapter {
  /** The name by which callers choose it: lower-case letters, digits and underscores. */
  readonly name: string
  readonly description: string
  readonly configuration: ServiceConfiguration
}

/** Input of {@link defineBusinessAdapter}. */
export interface BusinessAdapterInput {
  /** Lower-case letters, digits and underscores, at most 63 in total, beginning with a letter. */
  name: string
  description: string
  /** A whole configuration, or the fields that differ from {@link presets.balanced}. */
  configuration: Partial<ServiceConfiguration>
}

const known: Readonly<Record<keyof BusinessAdapterInput, true>> = { name: true, description: true, configuration: true }

const NAME = /^[a-z][a-z0-9_]{0,62}$/

/**
 * Defines a custom business adapter.
 *
 * @throws {InvalidOptionError} a field is unknown, or the name is invalid, see {@link BusinessAdapterInput}
 */
export function defineBusinessAdapter(input: BusinessAdapterInput): BusinessAdapter {
  // A misspelt `configuration` would otherwise allow everything that it was to forbid.
  checkOptionNames(input, known, 'defineBusinessAdapter()')
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
 * Finds the business adapter called `name`, first in `extra`, then in {@link businessAdapters}.
 *
 * @throws {UnknownBusinessAdapterError} no business adapter has this name. The error lists the known names
 */
export function resolveBusinessAdapter(name: string, extra: readonly BusinessAdapter[] = []): BusinessAdapter {
  const known = [...extra, ...Object.values(businessAdapters)]
  const found = known.find((adapter) => adapter.name === name)
  if (!found) throw new UnknownBusinessAdapterError(name, [...new Set(known.map((adapter) => adapter.name))])
  return found
}

/** No business adapter has the requested name. `known` lists the names that exist. */
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
