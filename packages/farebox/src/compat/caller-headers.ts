import type { Credits } from '@farebox/core'
import { InvalidConfigurationError, parseServiceConfiguration, type ServiceConfiguration } from '@farebox/router'
import { z } from 'zod'
import { InvalidBodyError } from '../http/http-errors.ts'
import { amount, text } from '../http/schemas.ts'

/** What a caller says of a request in headers, since the bodies are OpenAI's. */
export interface CallerHeaders {
  /** `x-farebox-workflow`: the name that breakdowns count it under. */
  workflowName?: string
  /** `x-farebox-workflow-id`: an open workflow of the account, which it joins. */
  workflowId?: string
  /** `x-farebox-configuration`: a preset, a business adapter, an agent, or fields of a service configuration as JSON. */
  configuration?: string
  /** `x-farebox-metadata`: JSON, or `tier=free, region=eu`. What the configuration's conditions look at. */
  metadata?: Record<string, string>
  /** `x-farebox-max-credits`: the most that its workflow may cost. */
  maxCredits?: Credits
}

/** @throws {InvalidBodyError} a header is not what it must be: the field is its name */
export function readCallerHeaders({ headers }: Request): CallerHeaders {
  const read = <Value>(name: string, schema: z.ZodType<Value>): Value | undefined => {
    const value = headers.get(name)
    if (value === null) return undefined
    const parsed = schema.safeParse(value)
    if (parsed.success) return parsed.data
    throw invalidHeader(name, parsed.error.issues[0]?.message ?? 'is not what it must be')
  }
  const caller: CallerHeaders = {
    workflowName: read('x-farebox-workflow', text),
    workflowId: read('x-farebox-workflow-id', text),
    configuration: read('x-farebox-configuration', configuration),
    metadata: read('x-farebox-metadata', metadata),
    maxCredits: read('x-farebox-max-credits', amount),
  }
  if (caller.workflowId === undefined) return caller
  for (const [name, value] of [
    ['x-farebox-workflow', caller.workflowName],
    ['x-farebox-max-credits', caller.maxCredits],
  ] as const) {
    if (value !== undefined) throw invalidHeader(name, 'belongs to a new workflow, and x-farebox-workflow-id names an open one')
  }
  return caller
}

/**
 * A configuration that a header gives as JSON, on top of `base`.
 *
 * @throws {InvalidBodyError} it is no JSON, or a field is unknown or out of range
 */
export function parseConfigurationHeader(json: string, base: ServiceConfiguration): ServiceConfiguration {
  const name = 'x-farebox-configuration'
  try {
    return parseServiceConfiguration(JSON.parse(json), base)
  } catch (error) {
    if (error instanceof InvalidConfigurationError) {
      throw new InvalidBodyError(error.fields.map(({ field, allowed }) => ({ field: `${name}.${field}`, problem: allowed })))
    }
    throw invalidHeader(name, 'is not JSON')
  }
}

/** A header that cannot be acted on. */
export function invalidHeader(name: string, problem: string): InvalidBodyError {
  return new InvalidBodyError([{ field: name, problem }])
}

const configuration = z.string().trim().min(1)
const plain = z.union([z.string(), z.number(), z.boolean()]).transform(String)
const metadata = z
  .string()
  .transform((value, context): unknown => {
    if (!value.trimStart().startsWith('{')) return pairs(value)
    try {
      return JSON.parse(value)
    } catch {
      context.addIssue({ code: 'custom', message: 'is not JSON' })
      return z.NEVER
    }
  })
  .pipe(
    // Not by the schema of its keys: zod says no more of those than that one is invalid.
    z
      .record(z.string(), plain)
      .refine((record) => !Object.hasOwn(record, ''), 'must be JSON, or a list such as tier=free, region=eu'),
  )

function pairs(list: string): Record<string, string> {
  const entries = list.split(',').flatMap((pair): [string, string][] => {
    if (pair.trim() === '') return []
    const [key = '', ...rest] = pair.split('=')
    return [[rest.length > 0 ? key.trim() : '', rest.join('=').trim()]]
  })
  return Object.fromEntries(entries)
}
