import { presets } from './presets.ts'
import type { ServiceConfiguration } from './service-configuration.ts'
import type { ServiceConfigurationInput } from './service-configuration-schema.ts'
import { formatServiceConfiguration } from './service-configuration-wire.ts'

/** Caches the digest of each configuration. Configurations are frozen, and few. */
const digests = new WeakMap<ServiceConfiguration, string>()

/**
 * Sixteen hexadecimal digits that identify a configuration, regardless of the order of its fields (64-bit FNV-1a of the wire
 * form). Not collision-resistant: anyone can construct two configurations with the same digest.
 */
export function configurationDigest(configuration: ServiceConfiguration): string {
  const known = digests.get(configuration)
  if (known) return known
  const digest = fnv1a(canonical(formatServiceConfiguration(configuration)))
  digests.set(configuration, digest)
  return digest
}

type Fields = Omit<ServiceConfigurationInput, 'conditions'>

const differences = new WeakMap<ServiceConfiguration, Fields>()
let base: Readonly<Record<string, string>> | undefined

/** The fields of a configuration that differ from `presets.balanced()`, in wire form, without its conditions. */
export function differingFields(configuration: ServiceConfiguration): Fields {
  const known = differences.get(configuration)
  if (known) return known
  const { conditions: _, ...fields } = formatServiceConfiguration(configuration)
  base ??= Object.fromEntries(
    Object.entries(formatServiceConfiguration(presets.balanced())).map(([name, value]) => [name, canonical(value)]),
  )
  const usual = base
  const differing = Object.freeze(
    Object.fromEntries(Object.entries(fields).filter(([name, value]) => canonical(value) !== usual[name])),
  )
  differences.set(configuration, differing)
  return differing
}

/** JSON with sorted keys. */
function canonical(value: unknown): string {
  return JSON.stringify(value, (_, part: unknown) =>
    part && typeof part === 'object' && !Array.isArray(part)
      ? Object.fromEntries(Object.entries(part).sort(([left], [right]) => (left < right ? -1 : 1)))
      : part,
  )
}

/** 64-bit FNV-1a, see http://www.isthe.com/chongo/tech/comp/fnv/ */
function fnv1a(text: string): string {
  let hash = 0xcbf29ce484222325n
  for (const byte of new TextEncoder().encode(text)) hash = BigInt.asUintN(64, (hash ^ BigInt(byte)) * 0x100000001b3n)
  return hash.toString(16).padStart(16, '0')
}
