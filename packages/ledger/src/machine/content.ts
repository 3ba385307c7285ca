import { hash } from 'node:crypto'
import { isSameZone } from './windows.ts'

/** Longer values are kept as their digest: enough to see that they differ. */
const LENGTH_MAX = 80

/**
 * What says nothing about what the caller asked for: it is made up for each call, or, as with the workflow that is to be opened if it is not
 * open yet, depends on what was done before.
 */
const INCIDENTAL: ReadonlySet<string> = new Set(['prefix', 'hash', 'announce', 'opensWorkflow'])

/** To make up a name, and to look it up among those that are known, costs more than to write what it names. */
const USAGE_PATHS: ReadonlyMap<string, string> = new Map(
  ['quantity', 'unit', 'rated', 'roundingStep', 'certainty', 'cost', 'details', 'model', 'priceVersion'].map((name) => [
    name,
    `usage.${name}`,
  ]),
)

/** What follows from a usage and a price book: the same usage under tomorrow's book is still the same change. */
const BY_BOOK: ReadonlySet<string> = new Set(['rated', 'roundingStep', 'cost', 'priceVersion'])

/** What a change asked for, field by field, so that a later one under the same key can be compared with it. */
export function contentOf(verb: string, input: object): Record<string, string> {
  const content: Record<string, string> = { verb }
  collect(content, '', input)
  // The policy under which the spool settles what it kept: the caller asked for no other change, and may ask for it again.
  if (verb === 'settleHold') delete content.overage
  return content
}

/** The fields in which two contents differ, in the order of their names. */
export function differences(a: Record<string, string>, b: Record<string, string>): string[] {
  return [...new Set([...Object.keys(a), ...Object.keys(b)])].filter((field) => !isSame(field, a[field], b[field])).sort()
}

function isSame(field: string, a: string | undefined, b: string | undefined): boolean {
  if (a === b) return true
  return field === 'timeZone' && a !== undefined && b !== undefined && isSameZone(a, b)
}

function collect(content: Record<string, string>, path: string, value: object): void {
  const isRatedByBook = path === 'usage' && 'priceVersion' in value && value.priceVersion !== undefined
  const fields = value as Record<string, unknown>
  for (const name of Object.keys(fields)) {
    const field = fields[name]
    if (field === undefined || (!path && INCIDENTAL.has(name)) || (isRatedByBook && BY_BOOK.has(name))) continue
    const at = path === 'usage' ? (USAGE_PATHS.get(name) ?? `usage.${name}`) : path ? `${path}.${name}` : name
    // Spread out, so that a conflict names `usage.quantity` and not all of the usage.
    if (!path && (name === 'usage' || name === 'body')) collect(content, at, field as object)
    else content[at] = short(path === 'body' ? (JSON.stringify(field) ?? '') : textOf(field))
  }
}

/** Each field of ours has one type, so its text is enough; of a body the JSON is kept, where 5 and "5" differ. */
function textOf(field: unknown): string {
  if (typeof field === 'string') return field
  if (typeof field !== 'object' || field === null) return String(field)
  try {
    // A function that is asked about each value takes several times as long, and details are long.
    return JSON.stringify(field)
  } catch {
    return JSON.stringify(field, (_, inner) => (typeof inner === 'bigint' ? inner.toString() : inner))
  }
}

function short(text: string): string {
  return text.length <= LENGTH_MAX ? text : ['sha256', hash('sha256', text)].join(':')
}
