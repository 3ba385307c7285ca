import { CREDITS_MAX, type Credits, credits, isServiceName } from '@farebox/core'
import { z } from 'zod'
import { complexities } from './service-configuration.ts'
import { routingStrategies } from './strategy.ts'

const allowed = {
  provider: 'must be the name of a provider, 1 to 100 characters',
  providerOrNull: 'must be the name of a provider, 1 to 100 characters, or null',
  flag: 'must be true or false',
  limit: 'must be credits from 0 as a number or a decimal string with at most six decimals, or null for no limit',
  fallbacks: 'must map services to lists of provider names',
  weights: 'must map provider names to numbers from 0',
  region: 'must be the name of a region, 1 to 100 characters, or null',
  levels: 'must be a list of at most 20 names, 1 to 100 characters each',
  share: 'must be a number from 0 to 1',
  latency: 'must be milliseconds above 0, or null for any',
  conditions: 'must be a list of at most 50 conditions, each { when, use }',
  when: 'must map keys of metadata to a text or a list of texts',
  use: 'must be fields of a service configuration',
}

/** Bounds the size of maps, because each agent stores a configuration and each of its calls reads it. */
const ENTRIES_MAX = 200
const isShort = (map: object) => Object.keys(map).length <= ENTRIES_MAX
const TOO_LONG = `must have at most ${ENTRIES_MAX} entries`

/** A map from names that refuses `__proto__`. Zod drops that key silently, and a condition that lost its key would always match. */
function mapOf<Key extends z.ZodString, Value extends z.ZodType>(key: Key, value: Value, error: string) {
  const map = z.record(key, value, { error }).refine(isShort, TOO_LONG)
  const refusing = z.preprocess((given, { issues }) => {
    if (typeof given === 'object' && given !== null && Object.hasOwn(given, PROTO)) {
      issues.push({ code: 'custom', path: [PROTO], message: 'cannot be a name in a map', input: given })
    }
    return given
  }, map)
  // Its input and output types are those of the map alone.
  return refusing as unknown as typeof map
}

const PROTO = '__proto__'

const provider = z.string({ error: allowed.provider }).min(1, allowed.provider).max(100, allowed.provider)
const providerOrNull = z
  .string({ error: allowed.providerOrNull })
  .min(1, allowed.providerOrNull)
  .max(100, allowed.providerOrNull)
  .nullable()
const flag = z.boolean({ error: allowed.flag })
const share = z.number({ error: allowed.share }).min(0, allowed.share).max(1, allowed.share)
const word = z.string({ error: allowed.when }).max(200, allowed.when)

/** The fields by their wire names, except `conditions`. */
export const wireFields = {
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
  fallback_providers: mapOf(
    z.string().refine(isServiceName, 'must be the name of a service'),
    z.array(provider).max(20),
    allowed.fallbacks,
  ),
  last_resort: flag,
  weights: mapOf(provider, z.number({ error: allowed.weights }).min(0, allowed.weights), allowed.weights),
  data_region: z.string({ error: allowed.region }).min(1, allowed.region).max(100, allowed.region).nullable(),
  service_levels: z
    .array(z.string({ error: allowed.levels }).min(1, allowed.levels).max(100, allowed.levels), { error: allowed.levels })
    .max(20, allowed.levels),
  quality_min: share,
  latency_ms_max: z.number({ error: allowed.latency }).positive(allowed.latency).nullable(),
  exploration: share,
}

const when = mapOf(word, z.union([word, z.array(word).max(50, allowed.when)], { error: allowed.when }), allowed.when)

/** The schema of conditions whose `use` may have any of the given fields. */
export function conditionsOf<Fields extends z.ZodRawShape>(fields: Fields) {
  const use = z.strictObject(fields, { error: allowed.use }).partial()
  return z
    .array(z.strictObject({ when, use }, { error: allowed.conditions }), { error: allowed.conditions })
    .max(50, allowed.conditions)
}

/**
 * Service configuration on the wire: snake_case, every field optional, unknown fields refused. {@link ServiceConfiguration}
 * documents the fields. `max_credits_per_request` is in credits, whole (`50`) or decimal (`0.5`, `"0.5"`). `null` is no limit. A
 * number is read by its shortest decimal form, so amounts stay exact.
 */
export const serviceConfigurationSchema = z
  .strictObject({
    ...wireFields,
    conditions: conditionsOf(wireFields),
  })
  .partial()

/** A partial service configuration in wire form. */
export type ServiceConfigurationInput = z.input<typeof serviceConfigurationSchema>

/** A complete service configuration in wire form. */
export type ServiceConfigurationOutput = Required<ServiceConfigurationInput>

/** Parses a limit in credits from its wire form. `undefined`: it is not a valid limit. */
export function readLimit(value: number | string): Credits | undefined {
  try {
    const amount = credits(String(value))
    return amount >= 0n && amount <= CREDITS_MAX ? amount : undefined
  } catch {
    return undefined
  }
}
