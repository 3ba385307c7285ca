import { entrySchema, type PriceBookDocument } from '../document/price-book-document.ts'
import { rateSchema } from '../document/rules.ts'
import type { EntryDocument, RateDocument } from './imported-prices.ts'

/** One price that an update changes. */
export interface PriceChange {
  change: 'added' | 'changed'
  service: string
  provider: string
  model?: string
  /** In a phone deck: the numbers called and called from. */
  numbers?: string
  /** The meter and unit of a rate, or the name of another field. */
  what: string
  /** Absent if there was none. */
  before?: string
  /** Absent if there is none any more. */
  after?: string
}

/** The result of updating a book with newer prices. */
export interface BookUpdate {
  /** The book with one more version, or the same document if nothing changes. */
  document: PriceBookDocument
  changes: PriceChange[]
  /** Number of rows that only the source has and that were not added: all, or with `addRows` those that an alias in the book names. */
  notInBook: number
}

/** The new version, and which rows it gets. */
export interface UpdateOptions {
  /** The name of the new version. */
  version: string
  /** When it begins: a moment with a UTC offset, after the last version's beginning. */
  effectiveFrom: string
  /** Whether to add rows that the book does not have. @defaultValue false */
  addRows?: boolean
}

/** The fields that a row takes from the source. Its other rules, such as a connect fee, are the team's own and stay. */
const TAKEN_OVER = ['rates', 'windows', 'aliases', 'vendor', 'retires', 'source', 'checked', 'confidence'] as const
/** The fields whose changes make a new version. Rereading the same price does not. */
const PRICED = ['rates', 'windows', 'aliases', 'retires'] as const

/**
 * Updates a book with imported prices. Versions are immutable, so changes make a new version. Rows that the source lacks stay, and
 * so do days of retirement if it tells none at all.
 */
export function updateBook(
  document: PriceBookDocument,
  imported: readonly EntryDocument[],
  { version, effectiveFrom, addRows = false }: UpdateOptions,
): BookUpdate {
  const last = document.versions.at(-1)
  const keys = new Set(imported.map(keyOf))
  const stay = (last?.entries ?? []).filter((entry) => !keys.has(keyOf(entry)))
  const staying = new Set(stay.flatMap(namesOf))
  const stayingAliases = new Set(stay.flatMap(aliasKeysOf))
  const tellsRetirements = imported.some(({ retires }) => retires !== undefined)
  const sources = new Map(imported.map((entry) => [keyOf(entry), withoutAliases(entry, staying)]))
  const changes: PriceChange[] = []
  const entries = (last?.entries ?? []).map((entry) => {
    const told = sources.get(keyOf(entry))
    sources.delete(keyOf(entry))
    const source = told && !tellsRetirements && entry.retires ? { ...told, retires: entry.retires } : told
    const found = source ? changesOf(entry, source) : []
    changes.push(...found)
    return source && found.length > 0 ? takenOver(entry, source) : entry
  })
  const unknown = [...sources.values()]
  const added = addRows ? unknown.filter((entry) => !stayingAliases.has(ownKeyOf(entry))) : []
  entries.push(...added)
  changes.push(
    ...added.flatMap((entry) =>
      entry.rates.map((rate): PriceChange => ({ ...rowOf(entry), change: 'added', ...rateText(rate, 'after') })),
    ),
  )
  const notInBook = unknown.length - added.length
  if (changes.length === 0) return { document, changes, notInBook }
  // The last version's end follows from the next one's beginning.
  const versions = document.versions.map((one) => (one === last ? { ...one, effective_until: undefined } : one))
  return {
    document: { ...document, versions: [...versions, { version, effective_from: effectiveFrom, entries }] },
    changes,
    notInBook,
  }
}

/** Leaves out the aliases that rows which stay are found by: a name has one price. */
function withoutAliases(entry: EntryDocument, staying: ReadonlySet<string>): EntryDocument {
  const { aliases: all, ...others } = entry
  const aliases = all?.filter((alias) => !staying.has(nameKeyOf(entry, alias)))
  return aliases?.length === all?.length ? entry : { ...others, ...(aliases && aliases.length > 0 && { aliases }) }
}

function namesOf(entry: EntryDocument): string[] {
  return [ownKeyOf(entry), ...aliasKeysOf(entry)]
}

function ownKeyOf(entry: EntryDocument): string {
  return nameKeyOf(entry, entry.model ?? entry.provider)
}

function aliasKeysOf(entry: EntryDocument): string[] {
  return (entry.aliases ?? []).map((alias) => nameKeyOf(entry, alias))
}

/** An entry without a model is found by its provider's name, another by its model's. */
function nameKeyOf({ service, provider, model }: EntryDocument, name: string): string {
  return JSON.stringify(model === undefined ? [service, name] : [service, provider, name])
}

function changesOf(before: EntryDocument, after: EntryDocument): PriceChange[] {
  const row = rowOf(before)
  const rates = ratesChanged(before.rates, after.rates).map((rate): PriceChange => ({ change: 'changed', ...row, ...rate }))
  const [read, newer] = [withDefaults(before), withDefaults(after)]
  const fields = PRICED.filter((field) => field !== 'rates' && text(read[field]) !== text(newer[field])).map(
    (field): PriceChange => ({ change: 'changed', ...row, what: field, before: text(before[field]), after: text(after[field]) }),
  )
  return [...rates, ...fields]
}

/** Fills in defaults, so that an absent field equals one written out. */
function withDefaults(entry: EntryDocument): EntryDocument {
  return entrySchema.safeParse(entry).data ?? entry
}

function ratesChanged(before: readonly RateDocument[], after: readonly RateDocument[]) {
  const named = new Map(after.map((rate) => [nameOf(rate), rate]))
  const changed = before.flatMap((rate) => {
    const other = named.get(nameOf(rate))
    named.delete(nameOf(rate))
    if (other && isSameRate(rate, other)) return []
    return [{ ...rateText(rate, 'before'), ...(other && { after: rateText(other, 'after').after }) }]
  })
  return [...changed, ...[...named.values()].map((rate) => rateText(rate, 'after'))]
}

/**
 * Compares rates however they are written: `0.15` per million is `0.00000015` per one, `2.50` is `2.5`, absent is the default.
 */
function isSameRate(a: RateDocument, b: RateDocument): boolean {
  const [{ amounts, per, rules }, other] = [priceIn(a), priceIn(b)]
  if (text(rules) !== text(other.rules) || amounts.length !== other.amounts.length) return false
  return amounts.every((amount, index) => product(amount, other.per) === product(other.amounts[index] ?? '0', per))
}

/** Separates a rate's amounts, one for each tier, from its other rules. */
function priceIn(rate: RateDocument): { amounts: readonly string[]; per: string; rules: unknown } {
  const { amount, per = '1', tiers, ...rules } = rateSchema.safeParse(rate).data ?? rate
  const { steps = [], ...tiered } = tiers ?? {}
  const amounts = amount === undefined ? steps.map((step) => step.amount) : [amount]
  const limits = steps.map(({ above }) => above && String(product(above, '1')))
  return { amounts, per, rules: { ...rules, ...(tiers && { tiers: { ...tiered, limits } }) } }
}

/** The product of two decimals, in units of 1e-36. */
function product(a: string, b: string): bigint {
  const scaled = (decimal: string) => {
    const [whole = '', fraction = ''] = decimal.split('.')
    return BigInt(whole + fraction.padEnd(18, '0'))
  }
  return scaled(a) * scaled(b)
}

function takenOver(entry: EntryDocument, source: EntryDocument): EntryDocument {
  const kept = Object.entries(entry).filter(([field]) => !(TAKEN_OVER as readonly string[]).includes(field))
  const taken = TAKEN_OVER.flatMap((field) => (source[field] === undefined ? [] : [[field, source[field]] as const]))
  return { ...Object.fromEntries(kept), ...Object.fromEntries(taken) } as EntryDocument
}

function rateText(rate: RateDocument, side: 'before' | 'after'): { what: string; before?: string; after?: string } {
  const { unit, meter, amount, per, ...rules } = rate
  const further = Object.keys(rules).length > 0 ? ` ${text(rules)}` : ''
  const price = `${amount === undefined ? 'tiers' : amount}${per && per !== '1' ? ` per ${per}` : ''}${further}`
  return { what: nameOf({ unit, meter }), [side]: price }
}

function nameOf({ unit, meter }: Pick<RateDocument, 'unit' | 'meter'>): string {
  return meter ? `${unit} of ${meter}` : unit
}

function keyOf({ service, provider, model = '', to = [], from = [] }: EntryDocument): string {
  return JSON.stringify([service, provider, model, [...to].sort(), [...from].sort()])
}

function rowOf({ service, provider, model, to, from }: EntryDocument) {
  const numbers = [to && `to ${short(to)}`, from && `from ${short(from)}`].filter(Boolean).join(' ')
  return { service, provider, ...(model && { model }), ...(numbers && { numbers }) }
}

function short(prefixes: readonly string[]): string {
  const [first = '', ...others] = prefixes
  return others.length > 0 ? `${first} and ${others.length} more` : first
}

/** Serializes a value independently of the order of its fields. */
function text(value: unknown): string | undefined {
  if (value === undefined) return undefined
  return JSON.stringify(value, (_, inner: unknown) =>
    typeof inner === 'object' && inner !== null && !Array.isArray(inner)
      ? Object.fromEntries(Object.entries(inner).sort(([a], [b]) => (a < b ? -1 : 1)))
      : inner,
  )
}
