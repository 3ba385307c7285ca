import type { Credits } from '@farebox/core'
import { InvalidConfigurationError, parseServiceConfiguration, type ServiceConfiguration } from '@farebox/router'
import { z } from 'zod'
import type { Farebox } from '../farebox.ts'
import { fieldWords } from '../http/field-words.ts'
import { InvalidBodyError } from '../http/http-errors.ts'
import { amount, text } from '../http/schemas.ts'

/** What a caller sets with headers, since the bodies are OpenAI's. */
export interface CallerHeaders {
  /** `x-farebox-workflow`: the name that breakdowns count it under. */
  workflowName?: string
  /** `x-farebox-workflow-id`: an open workflow of the account for the request to join. */
  workflowId?: string
  /** `x-farebox-configuration`: a preset, a business adapter, an agent, or fields of a service configuration as JSON. */
  configuration?: string
  /** `x-farebox-metadata`: what the configuration's conditions look at, as JSON or as `tier=free, region=eu`. */
  metadata?: Record<string, string>
  /** `x-farebox-max-credits`: the most that its workflow may cost. */
  maxCredits?: Credits
}

/** @throws {InvalidBodyError} a header is invalid. The error's field is the name of the header */
export function readCallerHeaders({ headers }: Request): CallerHeaders {
  const read = <Value>(name: string, schema: z.ZodType<Value>): Value | undefined => {
    const value = headers.get(name)
    if (value === null) return undefined
    const parsed = schema.safeParse(value, { error: fieldWords })
    if (parsed.success) return parsed.data
    throw invalidHeader(name, parsed.error.issues[0]?.message ?? 'has an invalid value')
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
 * Parses a configuration from the JSON of a header, on top of the Farebox's own.
 *
 * @throws {InvalidBodyError} it is not JSON, a field is unknown or out of range, or a provider is unknown
 */
export function parseConfigurationHeader(json: string, box: Farebox): ServiceConfiguration {
  const name = 'x-farebox-configuration'
  try {
    const parsed = parseServiceConfiguration(JSON.parse(json), box.configuration)
    box.providerNames.checkWire(parsed)
    return parsed
  } catch (error) {
    if (error instanceof InvalidConfigurationError) {
      throw new InvalidBodyError(error.fields.map(({ field, allowed }) => ({ field: `${name}.${field}`, problem: allowed })))
    }
    throw invalidHeader(name, 'is not JSON')
  }
}

/** The error for an invalid header. */
export function invalidHeader(name: string, problem: string): InvalidBodyError {
  return new InvalidBodyError([{ field: name, problem }])
}

const configuration = z.string().trim().min(1)
const NAMED_TEXTS = 'must be texts under names, such as {"tier":"free"}'
const plain = z.union([z.string(), z.number(), z.boolean()], NAMED_TEXTS).transform(String)
const metadata = z
  .string()
  .transform((value, context): unknown => {
    try {
      const given: object = value.trimStart().startsWith('{') ? JSON.parse(value) : pairs(value)
      if (!Object.hasOwn(given, '')) return given
      context.addIssue({ code: 'custom', message: 'must be JSON, or a list such as tier=free, region=eu' })
    } catch {
      context.addIssue({ code: 'custom', message: 'is not JSON' })
    }
    return z.NEVER
  })
  .pipe(z.record(z.string(), plain))

function pairs(list: string): Record<string, string> {
  const entries = list.split(',').flatMap((pair): [string, string][] => {
    if (pair.trim() === '') return []
    const [key = '', ...rest] = pair.split('=')
    return [[rest.length > 0 ? key.trim() : '', rest.join('=').trim()]]
  })
  return Object.fromEntries(entries)
}
