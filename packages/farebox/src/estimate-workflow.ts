import {
  type ChatMessage,
  type Credits,
  isFareboxError,
  microCredits,
  quantity,
  type Unit,
  type UsageQuantity,
} from '@farebox/core'
import { chargeOf, type PriceBook, type Rating, rate, rateMost, totalQuantity, type UsageRange } from '@farebox/pricing'
import { namedProviders, type ServiceConfiguration } from '@farebox/router'
import { longer } from './call-routes.ts'
import { NoProviderError } from './errors.ts'
import { chargedJson, unitsJson } from './receipt.ts'

/** What is planned, in its wire form. Absent is none. */
export interface EstimateInput {
  ai_tokens?: number
  /** Minutes of speech to be transcribed. */
  voice_minutes?: number
  /** Characters to be spoken. */
  tts_characters?: number
  phone_minutes?: number
  /** A conversation to be answered, whose tokens are counted instead of `ai_tokens`. */
  messages?: readonly ChatMessage[]
  /** Tokens that its answer may have at most. @defaultValue 1_024 */
  max_output_tokens?: number
  /** A text to be spoken, whose characters are counted instead of `tts_characters`. */
  tts_text?: string
  /** Fields that differ from the Farebox's own configuration. */
  service_configuration?: unknown
}

/** What planned work will cost, in its wire form: whole credits. */
export interface EstimateReport {
  services: EstimatedServiceJson[]
  total_credits: number
  total_credits_low: number
  total_credits_high: number
  price_version: string
}

/** What one service will cost, in its wire form. */
export interface EstimatedServiceJson {
  service_type: string
  /** Who is asked first. */
  provider: string
  units: number
  unit_type: Unit
  /** As expected: with the provider that is asked first. */
  credits: number
  /** At least: with the cheapest provider that the configuration names. */
  credits_low: number
  /** At most: with the dearest that it names. */
  credits_high: number
}

/** What is known of planned work beside the book: who is on offer, and texts that were counted. */
export interface KnownOfWork {
  /** The model that a provider's offer names, which may have a price of its own. @defaultValue none: a provider is priced by its name alone */
  modelOf?: (service: string, provider: string) => string | undefined
  /** A conversation in the tokens of a provider's model. */
  chat?: (provider: string) => UsageRange
  /** A speech in characters. */
  speech?: UsageQuantity
}

/** One way in which planned work may be counted. */
type Variant = readonly UsageQuantity[]
interface Variants {
  /** The first that the book has rates for. */
  expected: readonly [Variant, ...Variant[]]
  /** What the work may turn out as. Those that the book has no rates for are left out. */
  others: readonly Variant[]
  /** The most that it may turn out as. */
  most?: Pick<UsageRange, 'high' | 'otherMeters'>
}

/** @throws {NoProviderError} a service is planned for which the configuration names no provider */
export function estimateWorkflow(
  book: PriceBook,
  configuration: ServiceConfiguration,
  input: EstimateInput,
  at: number,
  known: KnownOfWork = {},
): EstimateReport {
  const services = plannedServices(input, known).map(({ service, unit, variantsOf }) => {
    const [provider, ...behind] = namedProviders(configuration, service)
    if (!provider) throw new NoProviderError(`the configuration names no provider for ${service}`)
    const queryOf = (named: string): Query => ({ service, provider: named, model: known.modelOf?.(service, named), at })
    const first = variantsOf(provider)
    const expected = firstPrice(book, queryOf(provider), first.expected)
    const units = unitsJson(totalQuantity(first.expected[0])?.quantity ?? quantity(0))
    const possible = [provider, ...behind].flatMap((named) => {
      const { expected: usual, others, most } = variantsOf(named)
      const query = queryOf(named)
      const dearest = most && priceIfThere(() => rateMost(book, query, most.high, most.otherMeters))
      return [...[...usual, ...others].map((usage) => price(book, query, usage)), dearest].filter((found) => found !== undefined)
    })
    const ordered = [...possible, expected].sort((a, b) => Number(a - b))
    return { service, provider, units, unit, expected, low: ordered[0] ?? expected, high: ordered.at(-1) ?? expected }
  })
  const total = (level: 'expected' | 'low' | 'high') =>
    chargedJson(microCredits(services.reduce((sum, one) => sum + one[level], 0n)))
  return {
    services: services.map(({ service, provider, units, unit, expected, low, high }) => ({
      service_type: service,
      provider,
      units,
      unit_type: unit,
      credits: chargedJson(expected),
      credits_low: chargedJson(low),
      credits_high: chargedJson(high),
    })),
    total_credits: total('expected'),
    total_credits_low: total('low'),
    total_credits_high: total('high'),
    price_version: book.entries(at).version,
  }
}

interface PlannedService {
  service: string
  unit: UsageQuantity['unit']
  /** How a provider may count it. */
  variantsOf: (provider: string) => Variants
}

function plannedServices(input: EstimateInput, { chat, speech }: KnownOfWork): PlannedService[] {
  const { ai_tokens, voice_minutes, tts_characters, phone_minutes } = input
  const planned: PlannedService[] = []
  const add = (service: string, unit: UsageQuantity['unit'], variantsOf: PlannedService['variantsOf']) =>
    planned.push({ service, unit, variantsOf })
  if (chat) {
    add('gpt', 'tokens', (provider) => {
      const usage = chat(provider)
      return { expected: [usage.expected], others: [usage.low], most: usage }
    })
  } else if (ai_tokens) {
    // Three of four tokens of a conversation are sent, where a book prices the two sides apart.
    const mixed = [one('input', ai_tokens * 0.75, 'tokens'), one('output', ai_tokens * 0.25, 'tokens')]
    const others = [[one('input', ai_tokens, 'tokens')], [one('output', ai_tokens, 'tokens')]]
    add('gpt', 'tokens', () => ({ expected: [[one('usage', ai_tokens, 'tokens')], mixed], others }))
  }
  if (voice_minutes) {
    const others = [longer([one('duration', voice_minutes * 60, 'seconds')])]
    add('voice_stt', 'minutes', () => ({ expected: [[one('duration', voice_minutes, 'minutes')]], others }))
  }
  const spoken = speech ?? (tts_characters ? one('characters', tts_characters, 'characters') : undefined)
  if (spoken) add('voice_tts', 'characters', () => ({ expected: [[spoken]], others: [] }))
  if (phone_minutes) {
    add('phone', 'minutes', () => ({ expected: [[one('duration', phone_minutes, 'minutes')]], others: [] }))
  }
  return planned
}

function one(meter: string, units: number, unit: UsageQuantity['unit']): UsageQuantity {
  return { meter, quantity: quantity(units), unit }
}

type Query = Parameters<typeof rate>[1]

function firstPrice(book: PriceBook, query: Query, [first, ...others]: Variants['expected']): Credits {
  for (const usage of [first, ...others]) {
    const found = price(book, query, usage)
    if (found !== undefined) return found
  }
  // It throws what is missing of the usual way to count.
  return chargeOf(rate(book, query, first))
}

function price(book: PriceBook, query: Query, usage: Variant): Credits | undefined {
  return priceIfThere(() => rate(book, query, usage))
}

function priceIfThere(rated: () => Rating): Credits | undefined {
  try {
    return chargeOf(rated())
  } catch (error) {
    if (isFareboxError(error) && error.code === 'PRICE_NOT_FOUND') return undefined
    throw error
  }
}
