import { DEFAULT_ROUNDING } from '../default-rounding.ts'
import { InvalidPriceBookError } from '../errors.ts'
import { checkEntry } from './check-entry.ts'
import { checkMaximum, checkRounding } from './check-rounding.ts'
import {
  type PriceBookData,
  type PriceBookDocument,
  type PriceEntry,
  type PriceVersion,
  priceBookSchema,
} from './price-book-document.ts'
import { type PriceBookProblem, problemOfIssue } from './problem.ts'

/**
 * Reads and checks a price book. The result is deeply frozen, and shares nothing with the input.
 *
 * @throws {InvalidPriceBookError} lists everything wrong, each with its row, its field and what would be right
 */
export function readPriceBook(document: PriceBookDocument): PriceBookData {
  const parsed = priceBookSchema.safeParse(document)
  if (!parsed.success) {
    const name = typeof document?.name === 'string' ? document.name : ''
    throw new InvalidPriceBookError(
      name,
      parsed.error.issues.map((issue) => problemOfIssue(document, issue)),
    )
  }
  const { versions, currency, rounding } = parsed.data
  const problems: PriceBookProblem[] = []
  checkRounding(currency, rounding, (field, message) => problems.push({ field, message }))
  problems.push(...checkVersions(versions), ...versions.flatMap((version) => checkEntries(version, parsed.data)))
  if (problems.length > 0) throw new InvalidPriceBookError(parsed.data.name, problems)
  return frozen(parsed.data)
}

/** Checks that every moment from the first version on is in exactly one version. */
function checkVersions(versions: readonly PriceVersion[]): PriceBookProblem[] {
  const problems: PriceBookProblem[] = []
  for (const [index, { version, effective_from: from, effective_until: until }] of versions.entries()) {
    const complain = (field: string, message: string) => problems.push({ version, field, message })
    const before = versions[index - 1]
    const next = versions[index + 1]
    if (versions.slice(0, index).some((other) => other.version === version)) complain('version', 'there are two of this name')
    if (before && Date.parse(from) <= Date.parse(before.effective_from)) {
      const begins = `version ${before.version}, which begins at ${before.effective_from}`
      complain('effective_from', `must be after ${begins}: write versions in the order of their dates, received ${from}`)
    }
    if (until === undefined) continue
    if (!next) {
      complain('effective_until', 'the last version has no end: remove it, or add the version that follows')
    } else if (Date.parse(until) !== Date.parse(next.effective_from)) {
      const what = Date.parse(until) < Date.parse(next.effective_from) ? 'leaves a gap before' : 'overlaps'
      complain('effective_until', `${what} version ${next.version}: must be ${next.effective_from}, received ${until}`)
    }
  }
  return problems
}

function checkEntries(
  { version, entries }: PriceVersion,
  book: Pick<PriceBookData, 'currency' | 'rounding'>,
): PriceBookProblem[] {
  const problems: PriceBookProblem[] = []
  const owners = new Map<string, PriceEntry>()
  const bearers = new Map<string, PriceEntry>()
  for (const entry of entries) {
    const { service, provider, model } = entry
    const complain = (field: string, message: string, rate?: number) =>
      problems.push({ version, service, provider, model, rate, field, message })
    checkEntry(entry, complain)
    checkRounding(book.currency, entry.rounding, complain)
    checkMaximum(entry, entry.rounding ?? book.rounding ?? DEFAULT_ROUNDING[book.currency], complain)
    for (const { field, name, key } of namesOf(entry)) {
      const owner = owners.get(key)
      if (owner) complain(field, `${name} is priced twice${owner === entry ? '' : `, also by ${rowText(owner)}`}: keep one`)
      owners.set(key, entry)
    }
    // An alias stands for one provider with all its numbers. Another provider's numbers would never be found under it.
    for (const alias of model === undefined ? (entry.aliases ?? []) : []) {
      const key = `${service}\0${alias}`
      const bearer = bearers.get(key)
      const haveNumbers = [entry, bearer].some((one) => one?.to ?? one?.from)
      if (bearer && bearer.provider !== provider && haveNumbers) {
        complain('aliases', `${alias} is an alias of ${bearer.provider} already: keep one`)
      }
      bearers.set(key, bearer ?? entry)
    }
  }
  return problems
}

/** Every combination of name and numbers under which the entry is found. */
function namesOf(entry: PriceEntry): { field: string; name: string; key: string }[] {
  const { service, provider, model, aliases = [], to = [''], from = [''] } = entry
  const own = { field: model === undefined ? 'provider' : 'model', name: model ?? provider }
  const names = [own, ...aliases.map((name) => ({ field: 'aliases', name }))]
  return names.flatMap(({ field, name }) =>
    to.flatMap((called) =>
      from.map((calling) => {
        const key = model === undefined ? [service, 'provider', name] : [service, provider, 'model', name]
        const numbers = `${called && ` to ${called}`}${calling && ` from ${calling}`}`
        return { field, name: `${name}${numbers}`, key: [...key, called, calling].join('\0') }
      }),
    ),
  )
}

function rowText({ service, provider, model }: PriceEntry): string {
  return [service, provider, model].filter((part) => part !== undefined).join(' ')
}

/** Freezes a value deeply, and returns it. */
export function frozen<Value>(value: Value): Value {
  if (typeof value === 'object' && value !== null && !Object.isFrozen(value)) {
    for (const inner of Object.values(value)) frozen(inner)
    Object.freeze(value)
  }
  return value
}
