import { day } from '../document/fields.ts'
import { decimalOfNumber } from './decimal-of-number.ts'
import type { EntryDocument, ImportedPrices, ImportSource, NotTaken, RateDocument } from './imported-prices.ts'
import { type TokenPrice, tokenRates } from './token-rates.ts'
import { validEntries } from './valid-entries.ts'

/** What to import from LiteLLM's price file. */
export interface LitellmImport extends ImportSource {
  /** Vendors (`litellm_provider`) whose models to import. @defaultValue all vendors */
  vendors?: readonly string[]
}

/** Fields with prices per token, and their meters. */
const TOKEN_METERS: Readonly<Record<string, string>> = {
  input_cost_per_token: 'input',
  cache_read_input_token_cost: 'cached_input',
  cache_creation_input_token_cost: 'cache_write',
  cache_creation_input_token_cost_above_1hr: 'cache_write_1h',
  output_cost_per_token: 'output',
  output_cost_per_reasoning_token: 'reasoning',
  input_cost_per_audio_token: 'audio_input',
  cache_read_input_audio_token_cost: 'cached_audio_input',
  output_cost_per_audio_token: 'audio_output',
  input_cost_per_image_token: 'image_input',
  output_cost_per_image_token: 'image_output',
}
/** Fields with prices of other things, each per single unit. */
const OTHER_METERS: Readonly<Record<string, Pick<RateDocument, 'unit' | 'meter'>>> = {
  input_cost_per_second: { unit: 'seconds', meter: 'duration' },
  input_cost_per_character: { unit: 'characters', meter: 'characters' },
  output_cost_per_image: { unit: 'images', meter: 'images' },
  input_cost_per_query: { unit: 'requests', meter: 'requests' },
  input_cost_per_request: { unit: 'requests', meter: 'requests' },
}
/** The services of each mode. Other modes are reported. */
const SERVICES: Readonly<Record<string, readonly string[]>> = {
  chat: ['gpt'],
  completion: ['gpt'],
  responses: ['gpt'],
  embedding: ['embedding'],
  audio_transcription: ['voice_stt'],
  audio_speech: ['voice_tts'],
  realtime: ['realtime'],
}
const ABOVE = /^(.+)_above_(\d+)k_tokens$/
/** Fields with prices for calls that may wait, or that have priority. */
const SERVICE_TIER = /_(batches|flex|priority)$/

/**
 * Converts LiteLLM's `model_prices_and_context_window.json` into entries of a cost book. The model's name there, often prefixed
 * with its vendor, becomes the entry's provider. The name without the vendor becomes an alias of the first model that has it.
 */
export function importLitellm(data: unknown, options: LitellmImport): ImportedPrices {
  const notTaken: NotTaken[] = []
  const entries: EntryDocument[] = []
  const rows = typeof data === 'object' && data !== null && !Array.isArray(data) ? Object.entries(data) : []
  const taken = new Set(rows.map(([name]) => name))
  for (const [row, value] of rows) {
    // Describes the fields, and is not a model.
    if (row === 'sample_spec') continue
    const refuse = (reason: string, field?: string) => notTaken.push({ row, ...(field && { field }), reason })
    if (typeof value !== 'object' || value === null) {
      refuse('it is no model')
      continue
    }
    const model = value as Record<string, unknown>
    const vendor = typeof model.litellm_provider === 'string' ? model.litellm_provider : undefined
    if (options.vendors && !options.vendors.includes(vendor ?? '')) continue
    const services = SERVICES[String(model.mode)]
    if (!services) {
      refuse(`its mode is ${String(model.mode)}, which is no service of ours`)
      continue
    }
    const rates = ratesOf(model, refuse)
    if (rates.length === 0) {
      refuse('it has no price that a book can hold')
      continue
    }
    const retires = retirementOf(model, refuse)
    const short = row.slice(row.lastIndexOf('/') + 1)
    const isFree = short !== row && short !== '' && !taken.has(short)
    if (isFree) taken.add(short)
    const seen = model.supports_vision === true && services.includes('gpt') ? ['vision'] : []
    for (const service of [...services, ...seen]) {
      entries.push({
        service,
        provider: row,
        ...(isFree && { aliases: [short] }),
        rates,
        ...(vendor && { vendor }),
        ...(retires && { retires }),
        source: [options.source, model.source].filter((part) => typeof part === 'string').join(', '),
        checked: options.checked,
        confidence: 'single_source',
      })
    }
  }
  return validEntries({ entries, notTaken }, ({ provider }) => provider)
}

type Refuse = (reason: string, field?: string) => void

function ratesOf(model: Record<string, unknown>, refuse: Refuse): RateDocument[] {
  const tokens: Record<string, TokenPrice> = {}
  const others: RateDocument[] = []
  for (const [field, meter] of Object.entries(TOKEN_METERS)) {
    const amount = amountOf(model, field, 6, refuse)
    if (amount !== undefined) tokens[meter] = tiersOf(model, field, amount, refuse)
  }
  for (const [field, meter] of Object.entries(OTHER_METERS)) {
    const amount = amountOf(model, field, 0, refuse)
    if (amount !== undefined) others.push({ ...meter, amount })
  }
  for (const field of Object.keys(model)) {
    if (!isOtherPrice(field, model[field], tokens)) continue
    refuse(SERVICE_TIER.test(field) ? 'it is of another service tier' : 'a book has no unit for it', field)
  }
  return [...tokenRates(tokens), ...oncePerMeter(others)]
}

/** Reads a price. Zero is not accepted: the file uses it for unknown prices, for free ones, and for the side a model lacks. */
function amountOf(model: Record<string, unknown>, field: string, shift: number, refuse: Refuse): string | undefined {
  const value = model[field]
  if (value === undefined || value === null) return undefined
  const amount = decimalOfNumber(value, shift)
  if (amount === undefined) refuse(`${JSON.stringify(value)} is no price`, field)
  if (amount !== '0') return amount
  refuse('it is zero, which the file writes for unknown as well as for free', field)
  return undefined
}

/** Reads the retirement day. Checked here, because one invalid day would make the whole book invalid. */
function retirementOf({ deprecation_date: text }: Record<string, unknown>, refuse: Refuse): string | undefined {
  if (text === undefined || text === null) return undefined
  const parsed = day.safeParse(text)
  if (!parsed.success) refuse(`${JSON.stringify(text)} is no day`, 'deprecation_date')
  return parsed.data
}

function tiersOf(model: Record<string, unknown>, field: string, base: string, refuse: Refuse): TokenPrice {
  const further = Object.keys(model)
    .flatMap((name) => {
      const [, of, thousands] = ABOVE.exec(name) ?? []
      const amount = of === field ? amountOf(model, name, 6, refuse) : undefined
      return amount === undefined ? [] : [{ above: `${thousands}000`, amount }]
    })
    .sort((a, b) => Number(a.above) - Number(b.above))
  return further.length > 0 ? [{ amount: base }, ...further] : base
}

/** Whether a field holds a price that was not read: of another service tier, of batches, of tools, of pixels. */
function isOtherPrice(field: string, value: unknown, tokens: Readonly<Record<string, unknown>>): boolean {
  if (!/cost/.test(field) || field in TOKEN_METERS || field in OTHER_METERS || value === 0 || value === null) return false
  const of = ABOVE.exec(field)?.[1]
  const meter = of === undefined ? undefined : TOKEN_METERS[of]
  return meter === undefined || !(meter in tokens)
}

/** Keeps the first rate of each meter, because the file has two fields for the price of a request. */
function oncePerMeter(rates: readonly RateDocument[]): RateDocument[] {
  return rates.filter(({ meter }, index) => rates.findIndex((other) => other.meter === meter) === index)
}
