import { decimalOfNumber } from './decimal-of-number.ts'
import { aliasesOf, NameOwners } from './genai-names.ts'
import type { EntryDocument, ImportedPrices, ImportSource, NotTaken, RateDocument } from './imported-prices.ts'
import { entriesOfModel, type ModelPrices, type Prices } from './model-prices.ts'
import type { TokenPrice } from './token-rates.ts'

/** The data of `@pydantic/genai-prices`, as far as it is read: what `await waitForUpdate()` resolves to, or `data.json`. */
export interface GenaiProvider {
  id: string
  pricing_urls?: readonly string[]
  models: readonly GenaiModel[]
}

export interface GenaiModel {
  id: string
  match?: unknown
  prices: unknown
  price_comments?: string
  deprecated?: boolean
}

export interface GenaiImport extends ImportSource {
  /** Vendors whose models are taken, in order: of two models of one name, the first vendor's is. @defaultValue all of them */
  vendors?: readonly string[]
  /** Which of our services a model serves. @defaultValue `gpt` and `vision`, and by name `embedding` and `realtime` */
  servicesOf?: (vendor: string, model: string) => readonly string[]
  /** Prices that ended before this day are left out: `2025-01-01`. @defaultValue the beginning of time */
  from?: string
}

/** Prices of tokens by their names there; `cache_write` is the one of five minutes. */
const TOKEN_METERS: Readonly<Record<string, readonly string[]>> = {
  input_mtok: ['input'],
  cache_read_mtok: ['cached_input'],
  cache_write_mtok: ['cache_write'],
  cache_write_1h_mtok: ['cache_write_1h'],
  output_mtok: ['output'],
  output_reasoning_mtok: ['reasoning'],
  input_audio_mtok: ['audio_input'],
  cache_audio_read_mtok: ['cached_audio_input'],
  output_audio_mtok: ['audio_output'],
  input_image_mtok: ['image_input'],
  cache_image_read_mtok: ['cached_image_input'],
  output_image_mtok: ['image_output'],
  input_video_mtok: ['video_input'],
  output_video_mtok: ['video_output'],
}
/** Prices of other things: their meter, and the unit and number that they are for. */
const OTHER_METERS: Readonly<Record<string, Pick<RateDocument, 'unit' | 'meter' | 'per'>>> = {
  input_audio_hours: { unit: 'minutes', meter: 'duration', per: '60' },
  web_searches_kcount: { unit: 'requests', meter: 'web_searches', per: '1000' },
  storage_searches_kcount: { unit: 'requests', meter: 'storage_searches', per: '1000' },
  requests_kcount: { unit: 'requests', meter: 'requests', per: '1000' },
}
/** The same price again, under the name that it had before. */
const DUPLICATES: Readonly<Record<string, string>> = { audio_hours: 'input_audio_hours' }

/**
 * Takes the prices of `@pydantic/genai-prices` into entries of a cost book, one for each model and service. Prices that change on a
 * day, or by the time of day, become windows of their entry; prices by the length of a prompt become tiers.
 */
export function importGenaiPrices(providers: readonly GenaiProvider[], options: GenaiImport): ImportedPrices {
  const { models, notTaken } = readGenaiPrices(providers, options)
  const facts = { checked: options.checked, confidence: 'single_source' as const }
  const entries = models.flatMap((model): EntryDocument[] => {
    const source = [options.source, model.source].filter(Boolean).join(', ')
    return entriesOfModel(model).map((entry) => ({ ...entry, source, ...facts }))
  })
  return { entries, notTaken }
}

/** The same, model by model: `source` is the vendor's own page. */
export function readGenaiPrices(
  providers: readonly GenaiProvider[],
  options: Omit<GenaiImport, 'source' | 'checked'>,
): { models: ModelPrices[]; notTaken: NotTaken[] } {
  const notTaken: NotTaken[] = []
  const models: ModelPrices[] = []
  const owners = new NameOwners()
  const wanted = options.vendors ?? providers.map(({ id }) => id)
  for (const vendor of wanted) {
    const provider = providers.find(({ id }) => id === vendor)
    if (!provider) {
      notTaken.push({ row: vendor, reason: 'there is no such vendor in the data' })
      continue
    }
    const names = namesOfVendor(provider)
    for (const model of provider.models) {
      const row = `${vendor}/${model.id}`
      const owner = owners.ownerOf(model.id, vendor)
      if (owner) {
        notTaken.push({ row, reason: `${owner} has a price under this name` })
        continue
      }
      const priced = pricesOf(model, options.from ?? '', (field, reason) => notTaken.push({ row, field, reason }))
      if (!priced) {
        notTaken.push({ row, reason: 'it has no price that a book can hold' })
        continue
      }
      owners.take(model.id, row, vendor)
      const aliases = aliasesOf(
        model,
        names,
        (name) => owners.ownerOf(name, vendor),
        (field, reason) => notTaken.push({ row, field, reason }),
      )
      for (const alias of aliases) owners.take(alias, row, vendor)
      const services = (options.servicesOf ?? usualServices)(vendor, model.id)
      if (services.length === 0) notTaken.push({ row, reason: 'it serves none of the services that are priced' })
      else {
        models.push({
          provider: model.id,
          services,
          ...(aliases.length > 0 && { aliases }),
          ...priced,
          vendor,
          ...(provider.pricing_urls?.[0] && { source: provider.pricing_urls[0] }),
          ...(model.deprecated && { note: 'deprecated by its vendor' }),
        })
      }
    }
  }
  return { models, notTaken }
}

type Refuse = (field: string, reason: string) => void

/** The price in force on the first day that counts, and those that come after or apply at certain times. */
function pricesOf(model: GenaiModel, from: string, refuse: Refuse): Pick<ModelPrices, 'prices' | 'windows'> | undefined {
  const usable = conditionsOf(model.prices, refuse)
    .map(({ constraint, prices }) => ({ constraint, prices: readPrices(prices, refuse) }))
    .filter(({ prices }) => prices.tokens || prices.others)
  const base = usable.findLast(({ constraint }) => constraint === undefined || (constraint.day ?? '9') <= from)
  if (!base) return undefined
  // The last that applies is the price there, and the first window here.
  const windows = usable
    .slice(usable.indexOf(base) + 1)
    .flatMap(({ constraint, prices }) => (constraint ? [{ ...windowTime(constraint), prices }] : []))
    .reverse()
  return { prices: base.prices, ...(windows.length > 0 && { windows }) }
}

interface Constraint {
  /** The day from which it holds. */
  day?: string
  /** The times of day, in UTC, between which it holds. */
  from?: string
  until?: string
}

interface Condition {
  constraint: Constraint | undefined
  prices: Record<string, unknown>
}

function conditionsOf(prices: unknown, refuse: Refuse): Condition[] {
  if (!Array.isArray(prices)) return [{ constraint: undefined, prices: prices as Record<string, unknown> }]
  return prices.flatMap(({ constraint, prices: conditional }): Condition[] => {
    if (constraint === undefined) return [{ constraint: undefined, prices: conditional }]
    const { start_date: day, start_time: from, end_time: until } = constraint as Record<string, string | undefined>
    if (day !== undefined) return [{ constraint: { day }, prices: conditional }]
    const times = [from, until].map((time) => /^(\d\d:\d\d):00Z$/.exec(time ?? '')?.[1])
    if (times[0] && times[1]) return [{ constraint: { from: times[0], until: times[1] }, prices: conditional }]
    refuse('prices', `a price under the condition ${JSON.stringify(constraint)}`)
    return []
  })
}

function windowTime({ day, from, until }: Constraint) {
  return day === undefined ? { name: `${from} to ${until} UTC`, from, until } : { name: `from ${day}`, first_day: day }
}

function readPrices(prices: Record<string, unknown>, refuse: Refuse): Prices {
  const tokens: Record<string, TokenPrice> = {}
  const others: RateDocument[] = []
  for (const [key, price] of Object.entries(prices)) {
    const same = DUPLICATES[key]
    if (price === undefined || (same && same in prices)) continue
    const meters = TOKEN_METERS[key]
    const other = OTHER_METERS[same ?? key]
    const taken = meters ? tokenPrice(price) : decimalOfNumber(price)
    if (!meters && !other) refuse(key, 'a book has no unit for it')
    else if (taken === undefined) refuse(key, `${JSON.stringify(price)} is no price`)
    else if (meters) for (const meter of meters) tokens[meter] = taken
    else if (other && typeof taken === 'string') others.push({ ...other, amount: taken })
  }
  return { ...(Object.keys(tokens).length > 0 && { tokens }), ...(others.length > 0 && { others }) }
}

function tokenPrice(price: unknown): TokenPrice | undefined {
  if (typeof price === 'number') return decimalOfNumber(price)
  const { base, tiers } = price as { base?: unknown; tiers?: readonly { start: unknown; price: unknown }[] }
  const first = decimalOfNumber(base)
  const further = [...(tiers ?? [])]
    .sort((a, b) => Number(a.start) - Number(b.start))
    .map((tier) => ({ above: decimalOfNumber(tier.start), amount: decimalOfNumber(tier.price) }))
  if (first === undefined || further.some(({ above, amount }) => above === undefined || amount === undefined)) return undefined
  if (further.length === 0) return first
  return [{ amount: first }, ...(further as { above: string; amount: string }[])]
}

/** The service that a model is sold for, by what its vendor calls it. */
function usualServices(_vendor: string, model: string): readonly string[] {
  if (/embed/.test(model)) return ['embedding']
  if (/realtime/.test(model)) return ['realtime']
  if (/whisper|transcribe|-tts|moderation|rerank|^gpt-image|dall-e|-image(?!n)/.test(model)) return []
  return ['gpt', 'vision']
}

/** Every model's own name: an alias of one must not take the name of another. */
function namesOfVendor({ models }: GenaiProvider): ReadonlySet<string> {
  return new Set(models.map(({ id }) => id))
}
