import { decimalOfNumber } from './decimal-of-number.ts'
import type { RateDocument } from './imported-prices.ts'
import type { ModelPrices, Prices } from './model-prices.ts'
import type { TokenPrice } from './token-rates.ts'

/** Reports a field that could not be imported, and why. */
export type Refuse = (field: string, reason: string) => void

/** The meters of each token price. `cache_write` is the five-minute cache. */
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
/** Prices of other things: their meter, unit and number of units. */
const OTHER_METERS: Readonly<Record<string, Pick<RateDocument, 'unit' | 'meter' | 'per'>>> = {
  input_audio_hours: { unit: 'minutes', meter: 'duration', per: '60' },
  web_searches_kcount: { unit: 'requests', meter: 'web_searches', per: '1000' },
  storage_searches_kcount: { unit: 'requests', meter: 'storage_searches', per: '1000' },
  requests_kcount: { unit: 'requests', meter: 'requests', per: '1000' },
}
/** Older names of prices, which repeat the price under the newer name. */
const DUPLICATES: Readonly<Record<string, string>> = { audio_hours: 'input_audio_hours' }

/** Reads the price in force on the day `from`, and the later and time-of-day prices as windows. */
export function readModelPrices(
  prices: unknown,
  from: string,
  refuse: Refuse,
): Pick<ModelPrices, 'prices' | 'windows'> | undefined {
  const usable = conditionsOf(prices, refuse)
    .map(({ constraint, prices: given }) => ({ constraint, prices: readPrices(given, refuse) }))
    .filter(({ prices: found }) => found.tokens || found.others)
  const base = usable.findLast(({ constraint }) => constraint === undefined || (constraint.day ?? '9') <= from)
  if (!base) return undefined
  // In the data the last price that applies wins, but in a book the first window.
  const windows = usable
    .slice(usable.indexOf(base) + 1)
    .flatMap(({ constraint, prices: other }) => (constraint ? [{ ...windowTime(constraint), prices: other }] : []))
    .reverse()
  return { prices: base.prices, ...(windows.length > 0 && { windows }) }
}

interface Constraint {
  /** The first day on which it applies. */
  day?: string
  /** The times of day, in UTC, between which it applies. */
  from?: string
  until?: string
}

/** Prices, and when they apply. Without a constraint, they are the initial prices. */
interface Condition {
  constraint?: Constraint
  prices: Fields
}

type Fields = Readonly<Record<string, unknown>>

function conditionsOf(prices: unknown, refuse: Refuse): Condition[] {
  if (!Array.isArray(prices)) return isFields(prices) ? [{ prices }] : []
  return prices.flatMap((given: unknown): Condition[] => {
    if (!isFields(given) || !isFields(given.prices)) return []
    if (given.constraint === undefined) return [{ prices: given.prices }]
    const constraint = readConstraint(given.constraint)
    if (constraint) return [{ constraint, prices: given.prices }]
    refuse('prices', `a price under the condition ${JSON.stringify(given.constraint)}`)
    return []
  })
}

function readConstraint(constraint: unknown): Constraint | undefined {
  if (!isFields(constraint)) return undefined
  const { start_date: day, start_time: from, end_time: until } = constraint
  if (typeof day === 'string' && /^\d{4}-\d\d-\d\d$/.test(day)) return { day }
  const [begins, ends] = [from, until].map((time) => /^(\d\d:\d\d):00Z$/.exec(String(time))?.[1])
  return begins && ends ? { from: begins, until: ends } : undefined
}

function isFields(value: unknown): value is Fields {
  return typeof value === 'object' && value !== null && !Array.isArray(value)
}

function windowTime({ day, from, until }: Constraint) {
  return day === undefined ? { name: `${from} to ${until} UTC`, from, until } : { name: `from ${day}`, first_day: day }
}

function readPrices(prices: Fields, refuse: Refuse): Prices {
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
  if (!isFields(price)) return decimalOfNumber(price)
  const base = decimalOfNumber(price.base)
  if (base === undefined || !Array.isArray(price.tiers)) return undefined
  const tiers = price.tiers.flatMap((tier: unknown) => {
    const [above, amount] = isFields(tier) ? [decimalOfNumber(tier.start), decimalOfNumber(tier.price)] : []
    return above === undefined || amount === undefined ? [] : [{ above, amount }]
  })
  if (tiers.length < price.tiers.length) return undefined
  return tiers.length === 0 ? base : [{ amount: base }, ...tiers.sort((a, b) => Number(a.above) - Number(b.above))]
}
