import { given } from './given.ts'
import type { ServiceConfiguration } from './service-configuration.ts'

/** Metadata that the host attaches to a request: `{ tier: 'free' }`. */
export type RequestMetadata = Readonly<Record<string, string>>

/** Overrides of a configuration for requests with certain metadata: for `tier` `free`, a cheaper model. */
export interface ConfigurationCondition {
  /** By key, the value or values to match. Every key must match, and a missing one does not. Empty: always matches. */
  readonly when: Readonly<Record<string, string | readonly string[]>>
  /** The fields to override. */
  readonly use: Partial<Omit<ServiceConfiguration, 'conditions'>>
}

/** A configuration with its conditions applied. */
export interface AppliedConditions {
  readonly configuration: ServiceConfiguration
  /** Indexes in `conditions` of those that matched. */
  readonly met: readonly number[]
}

/**
 * The configuration in force for a request. Every matching condition applies, in order, and later ones win field by field. So a
 * rule on where data may go still applies when a rule on price comes first. Pure.
 */
export function applyConditions(configuration: ServiceConfiguration, metadata: RequestMetadata = {}): AppliedConditions {
  if (configuration.conditions.length === 0) return { configuration, met: NONE }
  const met: number[] = []
  let applied = configuration
  for (const [place, { when, use }] of configuration.conditions.entries()) {
    if (!isMet(when, metadata)) continue
    met.push(place)
    applied = { ...applied, ...given(use) }
  }
  return { configuration: applied, met }
}

function isMet(when: ConfigurationCondition['when'], metadata: RequestMetadata): boolean {
  return Object.entries(when).every(([key, wanted]) => {
    const value = Object.hasOwn(metadata, key) ? metadata[key] : undefined
    if (value === undefined) return false
    return typeof wanted === 'string' ? wanted === value : wanted.includes(value)
  })
}

const NONE: readonly number[] = Object.freeze([])
