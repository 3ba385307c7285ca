import { given } from './given.ts'
import type { ServiceConfiguration } from './service-configuration.ts'

/** Metadata of a request, as the host knows it: `{ tier: 'free' }`. */
export type RequestMetadata = Readonly<Record<string, string>>

/** What differs for requests of certain metadata: for `tier` `free`, a cheaper model. */
export interface ConfigurationCondition {
  /** By key, the value or values that apply. Every key must be met; a request that lacks one does not meet it. Empty: always. */
  readonly when: Readonly<Record<string, string | readonly string[]>>
  /** The fields that differ. */
  readonly use: Partial<Omit<ServiceConfiguration, 'conditions'>>
}

/** A configuration with its conditions applied. */
export interface AppliedConditions {
  readonly configuration: ServiceConfiguration
  /** Places in `conditions` of those that were met, from 0. */
  readonly met: readonly number[]
}

/**
 * The configuration in force for a request. Every condition that is met applies, in order, and a later one wins field by field: so a rule
 * on where data may go is not lost because a rule on price came first. Pure.
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
