import {
  type ChatMessage,
  type Credits,
  isFareboxError,
  microCredits,
  quantity,
  type Unit,
  type UsageQuantity,
} from '@farebox/core'
import { checkFieldNames, type FieldNames, InvalidInputError } from '@farebox/ledger'
import { chargeOf, type PriceBook, type Rating, rate, rateMost, totalQuantity, type UsageRange } from '@farebox/pricing'
import { namedProviders, type ServiceConfiguration } from '@farebox/router'
import { longer } from './call-routes.ts'
import { NoProviderError } from './errors.ts'
import { type CreditFields, chargedFields, unitsJson } from './receipt.ts'

/** Planned work, in wire form. An absent field counts as none. */
export interface EstimateInput {
  ai_tokens?: number
  /** Minutes of speech to transcribe. */
  voice_minutes?: number
  /** Characters to speak. */
  tts_characters?: number
  phone_minutes?: number
  /** A conversation to answer. Its tokens are counted instead of `ai_tokens`. */
  messages?: readonly ChatMessage[]
  /** The most tokens that its answer may have. @defaultValue 1_024 */
  max_output_tokens?: number
  /** A text to speak. Its characters are counted instead of `tts_characters`. */
  tts_text?: string
  /** The fields that differ from the Farebox's own configuration. */
  service_configuration?: unknown
}

const fields: FieldNames<EstimateInput> = {
  ai_tokens: true,
  voice_minutes: true,
  tts_characters: true,
  phone_minutes: true,
  messages: true,
  max_output_tokens: true,
  tts_text: true,
  service_configuration: true,
}

/** The most units of a service that are estimated at once. */
export const ESTIMATED_UNITS_MAX = 1_000_000_000
const counts = ['ai_tokens', 'voice_minutes', 'tts_characters', 'phone_minutes'] as const

/**
 * Rejects fields that an estimate does not have, impossible counts, and texts where nobody counts them. Some would otherwise be
 * estimated to cost nothing.
 *
 * @throws {InvalidInputError} a field is unknown, a count is impossible, or a text is given to `estimate()`
 */
export function checkEstimate(verb: 'estimate' | 'estimateTexts', input: EstimateInput): void {
  checkFieldNames<EstimateInput>(input, fields, `${verb}()`)
  for (const field of counts) {
    const count: unknown = input[field] ?? 0
    if (typeof count === 'number' && count >= 0 && count <= ESTIMATED_UNITS_MAX) continue
    throw new InvalidInputError(field, `must be a number from 0 to ${ESTIMATED_UNITS_MAX}, received ${count}`)
  }
  if (verb === 'estimateTexts') return
  const text = (['messages', 'tts_text'] as const).find((field) => input[field] !== undefined)
  if (text) throw new InvalidInputError(text, 'is not counted by estimate(): call estimateTexts()')
}

/** The estimated cost of planned work, in wire form and whole credits. */
export interface EstimateReport {
  services: EstimatedServiceJson[]
  total_credits: number
  /** The credits, as an exact decimal. Absent where `total_credits` is exact. */
  total_credits_exact?: string
  total_credits_low: number
  /** The credits, as an exact decimal. Absent where `total_credits_low` is exact. */
  total_credits_low_exact?: string
  total_credits_high: number
  /** The credits, as an exact decimal. Absent where `total_credits_high` is exact. */
  total_credits_high_exact?: string
  price_version: string
}

/** The estimated cost of one service, in wire form. */
export interface EstimatedServiceJson {
  service_type: string
  /** The provider that is asked first. */
  provider: string
  units: number
  unit_type: Unit
  /** The expected cost, at the provider that is asked first. */
  credits: number
  /** The credits, as an exact decimal. Absent where `credits` is exact. */
  credits_exact?: string
  /** The lowest cost, at the cheapest provider that the configuration names. */
  credits_low: number
  /** The credits, as an exact decimal. Absent where `credits_low` is exact. */
  credits_low_exact?: string
  /** The highest cost, at the most expensive provider that it names. */
  credits_high: number
  /** The credits, as an exact decimal. Absent where `credits_high` is exact. */
  credits_high_exact?: string
}

/** What is known of planned work in addition to the price book: the models on offer, and counted texts. */
export interface KnownOfWork {
  /**
   * The model of a provider's offer, which may have a price of its own.
   * @defaultValue none: a provider is priced by its name only
   */
  modelOf?: (service: string, provider: string) => string | undefined
  /** The conversation, counted in tokens of a provider's model. */
  chat?: (provider: string) => UsageRange
  /** The text to speak, counted in characters. */
  speech?: UsageQuantity
}

/** One way to count planned work. */
type Variant = readonly UsageQuantity[]
interface Variants {
  /** The first one that the book has rates for is the expected one. */
  expected: readonly [Variant, ...Variant[]]
  /** Other ways that the work may turn out. Those that the book has no rates for are ignored. */
  others: readonly Variant[]
  /** The most that the work may use. */
  most?: Pick<UsageRange, 'high' | 'otherMeters'>
}

/**
 * Estimates planned work with the providers that the configuration names.
 *
 * @throws {NoProviderError} the configuration names no provider for a planned service
 */
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
  const total = <Name extends string>(name: Name, level: 'expected' | 'low' | 'high'): CreditFields<Name> =>
    chargedFields(name, microCredits(services.reduce((sum, one) => sum + one[level], 0n)))
  return {
    services: services.map(({ service, provider, units, unit, expected, low, high }) => ({
      service_type: service,
      provider,
      units,
      unit_type: unit,
      ...chargedFields('credits', expected),
      ...chargedFields('credits_low', low),
      ...chargedFields('credits_high', high),
    })),
    ...total('total_credits', 'expected'),
    ...total('total_credits_low', 'low'),
    ...total('total_credits_high', 'high'),
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
    // If the book prices input and output separately, assume three input tokens for each output token.
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
  // Throws an error that names the missing price.
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
