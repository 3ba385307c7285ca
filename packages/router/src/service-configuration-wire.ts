import { CREDIT, type Credits, FareboxError, formatCredits } from '@farebox/core'
import type { z } from 'zod'
import { presets } from './presets.ts'
import type { ServiceConfiguration } from './service-configuration.ts'
import {
  readLimit,
  type ServiceConfigurationInput,
  type ServiceConfigurationOutput,
  serviceConfigurationSchema,
} from './service-configuration-schema.ts'
import { wireNames } from './wire-names.ts'

/** The most fields that an error names. */
const FIELDS_MAX = 100

/** An invalid field of a configuration, by its wire name (`weights.deepgram`), and what is allowed. */
export interface InvalidField {
  field: string
  allowed: string
}

/** A configuration has fields that are unknown or out of range. `fields` lists each by its wire name, with what is allowed. */
export class InvalidConfigurationError extends FareboxError {
  override readonly code = 'INVALID_CONFIGURATION'
  readonly fields: readonly InvalidField[]

  constructor(fields: readonly InvalidField[]) {
    super(`service configuration: ${fields.map((invalid) => `${invalid.field} ${invalid.allowed}`).join('; ')}`)
    this.fields = fields
  }
}

/**
 * Parses a complete or partial configuration from its wire form. Absent fields keep the value of `base`. A list or map that is
 * present replaces that of `base` entirely.
 *
 * @param base  @defaultValue {@link presets.balanced}
 *
 * @throws {InvalidConfigurationError} fields are unknown or out of range. The error names at most a hundred of them
 */
export function parseServiceConfiguration(input: unknown, base: ServiceConfiguration = presets.balanced()): ServiceConfiguration {
  const parsed = serviceConfigurationSchema.safeParse(input)
  if (!parsed.success) throw new InvalidConfigurationError(parsed.error.issues.flatMap(invalidFields).slice(0, FIELDS_MAX))
  const { conditions, ...wire } = parsed.data
  const read = conditions?.map(({ when, use }) => ({ when, use: readFields(use) }))
  return Object.freeze({ ...base, ...readFields(wire), ...(read && { conditions: read }) })
}

/** Formats a configuration in its wire form. A limit becomes a JSON integer when it is whole, and otherwise a decimal string. */
export function formatServiceConfiguration(configuration: ServiceConfiguration): ServiceConfigurationOutput {
  const { conditions, ...own } = configuration
  return {
    ...(formatFields(own) as Required<WireFields>),
    conditions: conditions.map(({ when, use }) => ({
      when: Object.fromEntries(Object.entries(when).map(([key, value]) => [key, typeof value === 'string' ? value : [...value]])),
      use: formatFields(use),
    })),
  }
}

type Fields = Omit<ServiceConfiguration, 'conditions'>
type WireFields = Omit<ServiceConfigurationInput, 'conditions'>

/** Omits absent fields only, because `null` is a choice ("none"). */
function readFields(wire: WireFields): Partial<Fields> {
  const fields: Record<string, unknown> = {}
  for (const [name, wireName] of Object.entries(wireNames)) {
    const value = wire[wireName]
    if (value !== undefined) fields[name] = wireName === 'max_credits_per_request' ? parseLimit(wire[wireName]) : value
  }
  return fields
}

function formatFields(fields: Partial<Fields>): WireFields {
  const wire: Record<string, unknown> = {}
  for (const [name, value] of Object.entries(fields)) {
    if (value === undefined || !Object.hasOwn(wireNames, name)) continue
    const field = name as keyof Fields
    wire[wireNames[field]] = field === 'maxCreditsPerRequest' ? formatLimit(fields[field] ?? null) : structuredClone(value)
  }
  return wire
}

function parseLimit(value: number | string | null | undefined): Credits | null {
  return value === null || value === undefined ? null : (readLimit(value) ?? null)
}

function formatLimit(limit: Credits | null): number | string | null {
  if (limit === null) return null
  const whole = Number(limit / CREDIT)
  return limit % CREDIT === 0n && Number.isSafeInteger(whole) ? whole : formatCredits(limit)
}

function invalidFields(issue: z.core.$ZodIssue): InvalidField[] {
  if (issue.code === 'unrecognized_keys') {
    const known = Object.keys(serviceConfigurationSchema.shape).join(', ')
    return issue.keys.map((key) => ({ field: [...issue.path, key].join('.'), allowed: `is unknown; known are ${known}` }))
  }
  const field = issue.path.length === 0 ? 'service_configuration' : issue.path.join('.')
  return [{ field, allowed: issue.path.length === 0 ? 'must be an object' : issue.message }]
}
