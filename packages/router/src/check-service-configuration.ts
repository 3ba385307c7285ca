import { CREDITS_MAX, InvalidOptionError } from '@farebox/core'
import { z } from 'zod'
import type { ServiceConfiguration } from './service-configuration.ts'
import { conditionsOf, wireFields } from './service-configuration-schema.ts'
import { wireNames } from './wire-names.ts'

const limit = 'must be credits(50) and the like, which are bigint micro-credits from 0, or null for no limit'

/** The wire fields under the names that they have in code. Only the limit has another type. */
const fields = {
  ...Object.fromEntries(Object.entries(wireNames).map(([name, wireName]) => [name, wireFields[wireName]])),
  maxCreditsPerRequest: z.bigint({ error: limit }).min(0n, limit).max(CREDITS_MAX, limit).nullable(),
}
const schema = z.strictObject({ ...fields, conditions: conditionsOf(fields) })

/**
 * Checks that a value is a complete service configuration. Catches what the compiler cannot: untyped programs and external
 * values.
 *
 * @param option  the option's name in the message
 * @throws {InvalidOptionError} names each field that is missing, unknown or out of range
 */
export function checkServiceConfiguration(configuration: ServiceConfiguration, option = 'configuration'): void {
  if (typeof configuration !== 'object' || configuration === null) {
    const called = typeof configuration === 'function' ? 'a function: call it' : JSON.stringify(configuration)
    throw new InvalidOptionError(`${option} must be a service configuration, such as presets.balanced(), received ${called}`)
  }
  const missing = Object.keys(schema.shape).filter((field) => configuration[field as keyof ServiceConfiguration] === undefined)
  const { error } = schema.safeParse(configuration)
  const problems = (error?.issues ?? []).flatMap((issue) => {
    if (issue.code === 'unrecognized_keys') {
      const known = Object.keys(schema.shape).join(', ')
      return issue.keys.map((key) => `${[...issue.path, key].join('.')} is unknown; known are ${known}`)
    }
    return missing.includes(String(issue.path[0])) ? [] : [`${issue.path.join('.')} ${issue.message}`]
  })
  if (missing.length > 0) problems.push(`${missing.join(', ')} are missing: presets.balanced({ … }) has what is not given`)
  if (problems.length > 0) throw new InvalidOptionError(`${option}: ${problems.join('; ')}`)
}
