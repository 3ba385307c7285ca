import { hash } from 'node:crypto'
import { isSameZone } from './windows.ts'

/** Longer values are stored as their digest, which is enough to see that they differ. */
const LENGTH_MAX = 80

/**
 * Fields that are no part of what the caller asked for. They are generated for each call or, like the workflow to open if it is
 * not open yet, depend on what was done before. A workflow is closed only once, whatever becomes of its holds.
 */
const INCIDENTAL: ReadonlySet<string> = new Set([
  'prefix',
  'hash',
  'announce',
  'keepsHolds',
  'opensWorkflow',
  'linesSoFar',
  'savedBy',
])

/** Precomputed, since building such a name and looking it up costs more than writing its value. */
const USAGE_PATHS: ReadonlyMap<string, string> = new Map(
  ['quantity', 'unit', 'rated', 'roundingStep', 'certainty', 'cost', 'details', 'model', 'priceVersion'].map((name) => [
    name,
    `usage.${name}`,
  ]),
)

/** Fields that a price book derives from the usage: the same usage under tomorrow's book is still the same change. */
const BY_BOOK: ReadonlySet<string> = new Set(['rated', 'roundingStep', 'cost', 'priceVersion'])

/** What a change asked for, field by field, so that a later change under the same key can be compared with it. */
export function contentOf(verb: string, input: object): Record<string, string> {
  const content: Record<string, string> = { verb }
  collect(content, '', input)
  if (verb === 'settleHold') {
    // Only the spool sets it. The caller asked for the same change without it, and may repeat that.
    delete content.overage
    // It asks what is left, and changes nothing. Prices may have changed before the same usage is told again.
    delete content.unitPrice
  }
  return content
}

/** The fields in which two contents differ, sorted by name. */
export function differences(a: Record<string, string>, b: Record<string, string>): string[] {
  return [...new Set([...Object.keys(a), ...Object.keys(b)])].filter((field) => !isSame(field, a[field], b[field])).sort()
}

function isSame(field: string, a: string | undefined, b: string | undefined): boolean {
  // The process sets it, and it was met when the key was made: another one may require more by now.
  if (a === b || field === 'minimumBalance') return true
  return field === 'timeZone' && a !== undefined && b !== undefined && isSameZone(a, b)
}

function collect(content: Record<string, string>, path: string, value: object): void {
  const isRatedByBook = path === 'usage' && 'priceVersion' in value && value.priceVersion !== undefined
  const fields = value as Record<string, unknown>
  for (const name of Object.keys(fields)) {
    const field = fields[name]
    if (field === undefined || (!path && INCIDENTAL.has(name)) || (isRatedByBook && BY_BOOK.has(name))) continue
    const at = path === 'usage' ? (USAGE_PATHS.get(name) ?? `usage.${name}`) : path ? `${path}.${name}` : name
    // Spread out, so that a conflict names `usage.quantity` rather than the whole usage.
    if (!path && (name === 'usage' || name === 'body')) collect(content, at, field as object)
    else content[at] = path === 'body' ? short(JSON.stringify(field) ?? '') : fieldText(field)
  }
}

/** How a content has a field of an input. */
export function fieldText(field: unknown): string {
  return short(textOf(field))
}

/** The text of a field. It is enough, since each field has one type. A body is kept as JSON instead: there 5 and "5" differ. */
function textOf(field: unknown): string {
  if (typeof field === 'string') return field
  if (typeof field !== 'object' || field === null) return String(field)
  try {
    // Tries without a replacer first: with one it takes several times as long, and details are long.
    return JSON.stringify(field)
  } catch {
    return JSON.stringify(field, (_, inner) => (typeof inner === 'bigint' ? inner.toString() : inner))
  }
}

function short(text: string): string {
  return text.length <= LENGTH_MAX ? text : ['sha256', hash('sha256', text)].join(':')
}
