import { type Refuse, readModelPrices } from './genai-model-prices.ts'
import { aliasesOf, NameOwners } from './genai-names.ts'
import type { EntryDocument, ImportedPrices, ImportSource, NotTaken } from './imported-prices.ts'
import { entriesOfModel, type ModelPrices } from './model-prices.ts'
import { validEntries } from './valid-entries.ts'

/** A provider in the data of `@pydantic/genai-prices`, which `await waitForUpdate()` resolves to, or `data.json` holds. */
export interface GenaiProvider {
  id: string
  pricing_urls?: readonly string[]
  models: readonly GenaiModel[]
}

/** A model in the data of genai-prices, unchecked. */
export interface GenaiModel {
  id: string
  match?: unknown
  prices: unknown
  price_comments?: string
  deprecated?: boolean
}

/** What to import from the data of genai-prices. */
export interface GenaiImport extends ImportSource {
  /**
   * Vendors whose models to import. If two have a model of the same name, the earlier vendor's wins. @defaultValue all vendors
   */
  vendors?: readonly string[]
  /**
   * The vendor whose price to take for a model, if that vendor is one of `vendors` and sells it: the one that a book to update
   * names. @defaultValue the earliest of `vendors`
   */
  vendorOf?: (model: string) => string | undefined
  /** Which Farebox services a model serves. @defaultValue `gpt` and `vision`, or by its name `embedding` or `realtime` */
  servicesOf?: (vendor: string, model: string) => readonly string[]
  /** Leaves out prices that ended before this day: `2025-01-01`. @defaultValue the beginning of time */
  from?: string
}

/**
 * Converts the prices of `@pydantic/genai-prices` into entries of a cost book, one for each model and service. Prices that change
 * on a day, or by time of day, become windows of their entry. Prices by prompt length become tiers.
 */
export function importGenaiPrices(providers: readonly GenaiProvider[], options: GenaiImport): ImportedPrices {
  const { models, notTaken } = readGenaiPrices(providers, options)
  const facts = { checked: options.checked, confidence: 'single_source' as const }
  const entries = models.flatMap((model): EntryDocument[] => {
    const source = [options.source, model.source].filter(Boolean).join(', ')
    return entriesOfModel(model).map((entry) => ({ ...entry, source, ...facts }))
  })
  return validEntries({ entries, notTaken }, ({ vendor, provider }) => `${vendor}/${provider}`)
}

/** Like {@link importGenaiPrices}, but returns models instead of entries. `source` is the vendor's own page. */
export function readGenaiPrices(
  providers: readonly GenaiProvider[],
  options: Omit<GenaiImport, 'source' | 'checked'>,
): { models: ModelPrices[]; notTaken: NotTaken[] } {
  const notTaken: NotTaken[] = []
  const models: ModelPrices[] = []
  const owners = new NameOwners()
  const wanted = options.vendors ?? providers.map(({ id }) => id)
  const rivalOf = (model: string, vendor: string): string | undefined => {
    const rival = options.vendorOf?.(model)
    if (rival === undefined || rival === vendor || !wanted.includes(rival)) return undefined
    const isSold = providers.some(({ id, models }) => id === rival && models.some((one) => one.id === model))
    return isSold ? `${rival}/${model}` : undefined
  }
  for (const vendor of wanted) {
    const provider = providers.find(({ id }) => id === vendor)
    if (!provider) {
      notTaken.push({ row: vendor, reason: 'there is no such vendor in the data' })
      continue
    }
    const ownNames = new Set(provider.models.map(({ id }) => id))
    for (const model of provider.models) {
      const row = `${vendor}/${model.id}`
      const refuse: Refuse = (field, reason) => notTaken.push({ row, field, reason })
      const owner = owners.ownerOf(model.id, vendor) ?? rivalOf(model.id, vendor)
      const priced = owner ? undefined : readModelPrices(model.prices, options.from ?? '', refuse)
      const services = (options.servicesOf ?? usualServices)(vendor, model.id)
      if (owner) notTaken.push({ row, reason: `${owner} has a price under this name` })
      else if (!priced) notTaken.push({ row, reason: 'it has no price that a book can hold' })
      else if (services.length === 0) notTaken.push({ row, reason: 'it serves none of the services that are priced' })
      else {
        owners.take(model.id, row, vendor)
        const aliases = aliasesOf(model, ownNames, (name) => owners.ownerOf(name, vendor), refuse)
        for (const alias of aliases) owners.take(alias, row, vendor)
        const source = provider.pricing_urls?.[0]
        const facts = { ...(source && { source }), ...(model.deprecated && { note: 'deprecated by its vendor' }) }
        models.push({ provider: model.id, services, ...(aliases.length > 0 && { aliases }), ...priced, vendor, ...facts })
      }
    }
  }
  return { models, notTaken }
}

/** Guesses a model's services from its name. */
function usualServices(_vendor: string, model: string): readonly string[] {
  if (/embed/.test(model)) return ['embedding']
  if (/realtime/.test(model)) return ['realtime']
  if (/whisper|transcribe|-tts|moderation|rerank|^gpt-image|dall-e|-image(?!n)/.test(model)) return []
  return ['gpt', 'vision']
}
