import type { z } from 'zod'

/** One problem in a price book, and where it is. Names that could not be read are absent. */
export interface PriceBookProblem {
  version?: string
  service?: string
  provider?: string
  model?: string
  /** Index of the rate in its entry, from 0. */
  rate?: number
  /** Path of the field within that rate, entry or version: `increment.next`. */
  field: string
  /** What is wrong, and what would be right. */
  message: string
}

/** Formats a problem: `version 2026-11, gpt gpt-4o, rate 0, amount: must be …`. */
export function problemText({ version, service, provider, model, rate, field, message }: PriceBookProblem): string {
  const row = [service, provider, model].filter((part) => part !== undefined).join(' ')
  const place = [version !== undefined && `version ${version}`, row, rate !== undefined && `rate ${rate}`, field].filter(Boolean)
  return place.length > 0 ? `${place.join(', ')}: ${message}` : message
}

/** Locates a schema issue by the document's own names, as far as they can be read. */
export function problemOfIssue(document: unknown, issue: z.core.$ZodIssue): PriceBookProblem {
  const [versions, versionIndex, entries, entryIndex, ...rest] = issue.path
  const message = messageOf(issue, valueAt(document, issue.path))
  if (versions !== 'versions' || versionIndex === undefined) return { field: fieldOf(issue.path), message }
  const version = textAt(document, ['versions', versionIndex, 'version']) ?? String(versionIndex)
  if (entries !== 'entries' || entryIndex === undefined) return { version, field: fieldOf(issue.path.slice(2)), message }
  const entry = (name: string) => textAt(document, ['versions', versionIndex, 'entries', entryIndex, name])
  const row = {
    version,
    service: entry('service') ?? `entry ${String(entryIndex)}`,
    provider: entry('provider'),
    model: entry('model'),
  }
  const [rates, rate, ...inRate] = rest
  if (rates === 'rates' && typeof rate === 'number') return { ...row, rate, field: fieldOf(inRate), message }
  return { ...row, field: fieldOf(rest), message }
}

function messageOf(issue: z.core.$ZodIssue, received: unknown): string {
  if (issue.code === 'unrecognized_keys') return `there is no field ${issue.keys.join(', ')}: remove it, or correct its name`
  if (received === undefined) return issue.code === 'invalid_type' ? 'is missing' : issue.message
  const shown = typeof received === 'object' ? '' : `, received ${JSON.stringify(received)}`
  return `${issue.message}${shown}`
}

function fieldOf(path: readonly PropertyKey[]): string {
  return path.map(String).join('.')
}

function valueAt(document: unknown, path: readonly PropertyKey[]): unknown {
  let value = document
  for (const key of path) value = typeof value === 'object' && value !== null ? Reflect.get(value, key) : undefined
  return value
}

function textAt(document: unknown, path: readonly PropertyKey[]): string | undefined {
  const value = valueAt(document, path)
  return typeof value === 'string' ? value : undefined
}
