import { type Credits, isFareboxError, microCredits, quantity, type UsageQuantity } from '@farebox/core'
import { chargeOf, type PriceBook, rate } from '@farebox/pricing'
import { namedProviders, type ServiceConfiguration } from '@farebox/router'
import { longer } from './call-routes.ts'
import { NoProviderError } from './errors.ts'
import { chargedJson } from './receipt.ts'

/** What is planned, in its wire form. Absent is none. */
export interface EstimateInput {
  ai_tokens?: number
  /** Minutes of speech to be transcribed. */
  voice_minutes?: number
  /** Characters to be spoken. */
  tts_characters?: number
  phone_minutes?: number
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
  unit_type: string
  /** As expected: with the provider that is asked first. */
  credits: number
  /** At least: with the cheapest provider that the configuration names. */
  credits_low: number
  /** At most: with the dearest that it names. */
  credits_high: number
}

/** One way in which planned work may be counted. */
type Variant = readonly UsageQuantity[]
interface Variants {
  /** The first that the book has rates for. */
  expected: readonly [Variant, ...Variant[]]
  /** What the work may turn out as. Those that the book has no rates for are left out. */
  others: readonly Variant[]
}

/** @throws {NoProviderError} a service is planned for which the configuration names no provider */
export function estimateWorkflow(
  book: PriceBook,
  configuration: ServiceConfiguration,
  input: EstimateInput,
  at: number,
): EstimateReport {
  const services = plannedServices(input).map(({ service, units, unit, variants }) => {
    const [provider, ...behind] = namedProviders(configuration, service)
    if (!provider) throw new NoProviderError(`the configuration names no provider for ${service}`)
    const expected = firstPrice(book, { service, provider, at }, variants.expected)
    const possible = [provider, ...behind].flatMap((named) =>
      [...variants.expected, ...variants.others].flatMap((usage) => price(book, { service, provider: named, at }, usage) ?? []),
    )
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

function plannedServices({ ai_tokens, voice_minutes, tts_characters, phone_minutes }: EstimateInput) {
  const one = (meter: string, units: number, unit: UsageQuantity['unit']): UsageQuantity => ({
    meter,
    quantity: quantity(units),
    unit,
  })
  const planned: { service: string; units: number; unit: UsageQuantity['unit']; variants: Variants }[] = []
  const add = (
    service: string,
    units: number | undefined,
    unit: UsageQuantity['unit'],
    variants: (units: number) => Variants,
  ) => {
    if (units) planned.push({ service, units, unit, variants: variants(units) })
  }
  add('gpt', ai_tokens, 'tokens', (units) => ({
    // Three of four tokens of a conversation are sent, where a book prices the two sides apart.
    expected: [[one('usage', units, 'tokens')], [one('input', units * 0.75, 'tokens'), one('output', units * 0.25, 'tokens')]],
    others: [[one('input', units, 'tokens')], [one('output', units, 'tokens')]],
  }))
  add('voice_stt', voice_minutes, 'minutes', (units) => ({
    expected: [[one('duration', units, 'minutes')]],
    others: [longer([one('duration', units * 60, 'seconds')])],
  }))
  add('voice_tts', tts_characters, 'characters', (units) => ({
    expected: [[one('characters', units, 'characters')]],
    others: [],
  }))
  add('phone', phone_minutes, 'minutes', (units) => ({ expected: [[one('duration', units, 'minutes')]], others: [] }))
  return planned
}

type Query = Parameters<typeof rate>[1]

function firstPrice(book: PriceBook, query: Query, [first, ...others]: Variants['expected']): Credits {
  for (const usage of [first, ...others]) {
    const found = price(book, query, usage)
    if (found !== undefined) return found
  }
  // It throws what is missing of the usual way to count.
  return charge(book, query, first)
}

function price(book: PriceBook, query: Query, usage: Variant): Credits | undefined {
  try {
    return charge(book, query, usage)
  } catch (error) {
    if (isFareboxError(error) && error.code === 'PRICE_NOT_FOUND') return undefined
    throw error
  }
}

function charge(book: PriceBook, query: Query, usage: Variant): Credits {
  return chargeOf(rate(book, query, usage))
}
