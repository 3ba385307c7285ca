/** A model with the rule for its other names: `{ or: [{ equals: … }, { starts_with: … }] }`. */
interface NamedModel {
  id: string
  match?: unknown
}

/** Matches patterns of dated model ids: `^gpt-6-sol-\d{4}-\d{2}-\d{2}$`, `^claude-opus-5-\d{8}$`. */
const DATED = /^\^((?:[\w-]|\\\.)+)-\\d\{(?:4\}-\\d\{2\}-\\d\{2|8)\}\$$/

/**
 * Returns a model's other names. Only exact names and prefixes can be aliases of an entry. Matches by substring, suffix or
 * pattern are reported, except patterns of dated ids, which become prefixes.
 *
 * @param ownNames  the ids of the vendor's models, which cannot be aliases of others
 * @param ownerOf  returns the row that has a name already, if any
 */
export function aliasesOf(
  model: NamedModel,
  ownNames: ReadonlySet<string>,
  ownerOf: (name: string) => string | undefined,
  refuse: (field: string, reason: string) => void,
): string[] {
  const found = new Set<string>()
  for (const { name, problem } of namesIn(model.match)) {
    if (problem) refuse('match', problem)
    else if (name === model.id || found.has(name)) continue
    else if (ownNames.has(name)) refuse('match', `${name} is another model of the vendor`)
    else if (ownerOf(name)) refuse('match', `${name} is taken by ${ownerOf(name)}`)
    else found.add(name)
  }
  return [...found]
}

function namesIn(match: unknown): { name: string; problem?: string }[] {
  if (typeof match !== 'object' || match === null) return []
  const { or, equals, starts_with: beginning, regex } = match as Record<string, unknown>
  if (Array.isArray(or)) return or.flatMap(namesIn)
  if (typeof equals === 'string' && equals !== '' && !equals.includes('*')) return [{ name: equals }]
  if (typeof beginning === 'string' && beginning !== '' && !beginning.includes('*')) return [{ name: `${beginning}*` }]
  const dated = typeof regex === 'string' ? DATED.exec(regex)?.[1] : undefined
  if (dated !== undefined) return [{ name: `${dated.replace(/\\/g, '')}-2*` }]
  return [{ name: '', problem: `names that match ${JSON.stringify(match)}` }]
}

/** Keeps track of which row has which name. */
export class NameOwners {
  readonly #exact = new Map<string, { row: string; vendor: string }>()

  take(name: string, row: string, vendor: string): void {
    this.#exact.set(name, { row, vendor })
  }

  /** The row that has exactly this name, or another vendor's row whose alias matches it. */
  ownerOf(name: string, vendor: string): string | undefined {
    const exact = this.#exact.get(name)
    if (exact) return exact.row
    for (const [taken, owner] of this.#exact) {
      if (owner.vendor !== vendor && taken.endsWith('*') && name.startsWith(taken.slice(0, -1))) return owner.row
    }
    return undefined
  }
}
