import { quantity, type UsageQuantity } from '@farebox/core'
import { estimate, type PlannedUsage, type PriceBook } from '@farebox/pricing'
import { namedProviders, type ServiceConfiguration } from '@farebox/router'
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
  /** Fields that differ from the Farebox's own configuration. */
  service_configuration?: unknown
}

/** What planned work will cost, in its wire form: whole credits. */
export interface EstimateReport {
  services: { service_type: string; provider: string; units: number; unit_type: string; credits: number }[]
  total_credits: number
  price_version: string
}

/** @throws {NoProviderError} a service is planned for which the configuration names no provider */
export function estimateWorkflow(
  book: PriceBook,
  configuration: ServiceConfiguration,
  input: EstimateInput,
  at: number,
): EstimateReport {
  const planned: PlannedUsage[] = []
  const add = (service: string, units: number | undefined, usage: Omit<UsageQuantity, 'quantity'>): void => {
    if (!units) return
    const [provider] = namedProviders(configuration, service)
    if (!provider) throw new NoProviderError(`the configuration names no provider for ${service}`)
    planned.push({ service, provider, quantities: [{ ...usage, quantity: quantity(units) }] })
  }
  add('gpt', input.ai_tokens, { meter: 'usage', unit: 'tokens' })
  add('voice_stt', input.voice_minutes, { meter: 'duration', unit: 'minutes' })
  add('voice_tts', input.tts_characters, { meter: 'characters', unit: 'characters' })
  add('phone', input.phone_minutes, { meter: 'duration', unit: 'minutes' })
  const { services, total, version } = estimate(book, planned, at)
  return {
    services: services.flatMap(({ service, provider, quantities, credits }) =>
      quantities.map((usage) => ({
        service_type: service,
        provider,
        units: unitsJson(usage.quantity),
        unit_type: usage.unit,
        credits: chargedJson(credits),
      })),
    ),
    total_credits: chargedJson(total),
    price_version: version,
  }
}
