import { CREDIT, CREDITS_MAX, type Credits, credits, FareboxError, formatCredits, isServiceName } from '@farebox/core'
import { z } from 'zod'
import { presets } from './presets.ts'
import { complexities, type ServiceConfiguration } from './service-configuration.ts'
import { routingStrategies } from './strategy.ts'

const allowed = {
  provider: 'must be the name of a provider, 1 to 100 characters',
  providerOrNull: 'must be the name of a provider, 1 to 100 characters, or null',
  flag: 'must be true or false',
  limit: 'must be credits from 0 as a number or a decimal string with at most six decimals, or null for no limit',
  fallbacks: 'must map services to lists of provider names',
  weights: 'must map provider names to numbers from 0',
}

const provider = z.string({ error: allowed.provider }).min(1, allowed.provider).max(100, allowed.provider)
const providerOrNull = z
  .string({ error: allowed.providerOrNull })
  .min(1, allowed.providerOrNull)
  .max(100, allowed.providerOrNull)
  .nullable()
const flag = z.boolean({ error: allowed.flag })

/**
 * Service configuration on the wire: snake_case, every field optional, unknown fields refused. What the fields mean is
 * said at {@link ServiceConfiguration}. `max_credits_per_request` is credits, whole (`50`) or decimal (`0.5`, `"0.5"`),
 * and `null` is no limit; a number is read by its shortest decimal, so no amount is ever a float.
 */
export const serviceConfigurationSchema = z
  .strictObject({
    primary_ai_model: provider,
    fallback_ai_model: providerOrNull,
    voice_enabled: flag,
    tts_provider: providerOrNull,
    stt_provider: providerOrNull,
    phone_enabled: flag,
    phone_provider: providerOrNull,
    vision_enabled: flag,
    cost_optimization: flag,
    max_credits_per_request: z
      .union([z.number(), z.string()], { error: allowed.limit })
      .refine((value) => readLimit(value) !== undefined, allowed.limit)
      .nullable(),
    vision_model: providerOrNull,
    strategy: z.enum(routingStrategies, { error: `must be one of ${routingStrategies.join(', ')}` }),
    complexity: z.enum(complexities, { error: `must be one of ${complexities.join(', ')}` }),
    accuracy_first: flag,
    fallback_providers: z.record(z.string().refine(isServiceName, 'must be the name of a service'), z.array(provider).max(20), {
      error: allowed.fallbacks,
    }),
    last_resort: flag,
    weights: z.record(provider, z.number({ error: allowed.weights }).min(0, allowed.weights), { error: allowed.weights }),
  })
  .partial()

/** A service configuration as it crosses the wire, in part. */
export type ServiceConfigurationInput = z.input<typeof serviceConfigurationSchema>

/** A whole service configuration as it crosses the wire. */
export type ServiceConfigurationOutput = Required<ServiceConfigurationInput>

/** A field of a configuration that was refused, by its wire name (`weights.deepgram`), and what it may be. */
export interface InvalidField {
  field: string
  allowed: string
}

/** A service configuration has fields that are unknown or out of range. `fields` names each, in wire form, and what is allowed. */
export class InvalidConfigurationError extends FareboxError {
  override readonly code = 'INVALID_CONFIGURATION'
  readonly fields: readonly InvalidField[]

  constructor(fields: readonly InvalidField[]) {
    super(`service configuration: ${fields.map((invalid) => `${invalid.field} ${invalid.allowed}`).join('; ')}`)
    this.fields = fields
  }
}

/**
 * Reads a configuration, whole or in part, from its wire form. Fields that are absent keep the value of `base`; a list or
 * map that is present replaces that of `base` as a whole.
 *
 * @param base  @defaultValue {@link presets.balanced}
 *
 * @throws {InvalidConfigurationError} names every field that is unknown or out of range
 */
export function parseServiceConfiguration(input: unknown, base: ServiceConfiguration = presets.balanced()): ServiceConfiguration {
  const parsed = serviceConfigurationSchema.safeParse(input)
  if (!parsed.success) throw new InvalidConfigurationError(parsed.error.issues.flatMap(invalidFields))
  const wire = parsed.data
  return Object.freeze({
    primaryAiModel: wire.primary_ai_model ?? base.primaryAiModel,
    fallbackAiModel: present(wire.fallback_ai_model, base.fallbackAiModel),
    voiceEnabled: wire.voice_enabled ?? base.voiceEnabled,
    ttsProvider: present(wire.tts_provider, base.ttsProvider),
    sttProvider: present(wire.stt_provider, base.sttProvider),
    phoneEnabled: wire.phone_enabled ?? base.phoneEnabled,
    phoneProvider: present(wire.phone_provider, base.phoneProvider),
    visionEnabled: wire.vision_enabled ?? base.visionEnabled,
    costOptimization: wire.cost_optimization ?? base.costOptimization,
    maxCreditsPerRequest: parseLimit(wire.max_credits_per_request, base.maxCreditsPerRequest),
    visionModel: present(wire.vision_model, base.visionModel),
    strategy: wire.strategy ?? base.strategy,
    complexity: wire.complexity ?? base.complexity,
    accuracyFirst: wire.accuracy_first ?? base.accuracyFirst,
    fallbackProviders: wire.fallback_providers ?? base.fallbackProviders,
    lastResort: wire.last_resort ?? base.lastResort,
    weights: wire.weights ?? base.weights,
  })
}

/** Writes a configuration in its wire form. A limit is a JSON integer when it is whole, else a decimal string. */
export function formatServiceConfiguration(configuration: ServiceConfiguration): ServiceConfigurationOutput {
  return {
    primary_ai_model: configuration.primaryAiModel,
    fallback_ai_model: configuration.fallbackAiModel,
    voice_enabled: configuration.voiceEnabled,
    tts_provider: configuration.ttsProvider,
    stt_provider: configuration.sttProvider,
    phone_enabled: configuration.phoneEnabled,
    phone_provider: configuration.phoneProvider,
    vision_enabled: configuration.visionEnabled,
    cost_optimization: configuration.costOptimization,
    max_credits_per_request: formatLimit(configuration.maxCreditsPerRequest),
    vision_model: configuration.visionModel,
    strategy: configuration.strategy,
    complexity: configuration.complexity,
    accuracy_first: configuration.accuracyFirst,
    fallback_providers: Object.fromEntries(
      Object.entries(configuration.fallbackProviders).map(([service, names]) => [service, [...(names ?? [])]]),
    ),
    last_resort: configuration.lastResort,
    weights: { ...configuration.weights },
  }
}

/** `null` is a choice ("none"), so only an absent field takes the base's value. */
function present<T>(value: T | null | undefined, base: T | null): T | null {
  return value === undefined ? base : value
}

function parseLimit(value: number | string | null | undefined, base: Credits | null): Credits | null {
  if (value === undefined) return base
  return value === null ? null : (readLimit(value) ?? null)
}

function readLimit(value: number | string): Credits | undefined {
  try {
    const amount = credits(String(value))
    return amount >= 0n && amount <= CREDITS_MAX ? amount : undefined
  } catch {
    return undefined
  }
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
