import { type Refuse, readModelPrices } from './genai-model-prices.ts'
import { aliasesOf, NameOwners } from './genai-names.ts'
import type { EntryDocument, ImportedPrices, ImportSource, NotTaken } from './imported-prices.ts'
import { entriesOfModel, type ModelPrices } from './model-prices.ts'

/** The data of `@pydantic/genai-prices`, as far as it is read: what `await waitForUpdate()` resolves to, or `data.json`. */
export interface GenaiProvider {
  id: string
  pricing_urls?: readonly string[]
  models: readonly GenaiModel[]
}

/** A model in the data of genai-prices, before it is checked. */
export interface GenaiModel {
  id: string
  match?: unknown
  prices: unknown
  price_comments?: string
  deprecated?: boolean
}

/** What is taken from the data of genai-prices. */
export interface GenaiImport extends ImportSource {
  /** Vendors whose models are taken, in order: of two models of one name, the first vendor's is. @defaultValue all of them */
  vendors?: readonly string[]
  /** Which of our services a model serves. @defaultValue `gpt` and `vision`, and by name `embedding` and `realtime` */
  servicesOf?: (vendor: string, model: string) => readonly string[]
  /** Prices that ended before this day are left out: `2025-01-01`. @defaultValue the beginning of time */
  from?: string
}

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
    const ownNames = new Set(provider.models.map(({ id }) => id))
    for (const model of provider.models) {
      const row = `${vendor}/${model.id}`
      const refuse: Refuse = (field, reason) => notTaken.push({ row, field, reason })
      const owner = owners.ownerOf(model.id, vendor)
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

/** The service that a model is sold for, by what its vendor calls it. */
function usualServices(_vendor: string, model: string): readonly string[] {
  if (/embed/.test(model)) return ['embedding']
  if (/realtime/.test(model)) return ['realtime']
  if (/whisper|transcribe|-tts|moderation|rerank|^gpt-image|dall-e|-image(?!n)/.test(model)) return []
  return ['gpt', 'vision']
}
