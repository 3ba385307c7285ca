import type { CatalogEntry, HealthCondition } from '@farebox/router'
import type { Farebox } from './farebox.ts'

/** How the providers are doing, in its wire form. */
export interface ProviderStatus {
  /** `degraded`: something that is on offer by a real provider is not well, or a service has no provider that is. */
  status: 'ok' | 'degraded'
  adapters: AdapterStatus[]
}

/** One adapter, with everything that it offers. */
export interface AdapterStatus {
  adapter: string
  /** Whether its answers are made up. */
  simulated: boolean
  availability: 'ready' | 'disabled'
  /** Why it takes no calls. Only for the admin token. */
  reason?: string
  /** Calls under way and waiting, where the team limits how many it gives the adapter at once. */
  concurrency?: { limit: number; running: number; waiting: number }
  offers: OfferStatus[]
}

/** One thing that an adapter offers, as this process and those that share with it have seen it. What was not seen is absent. */
export interface OfferStatus {
  service_type: string
  provider: string
  model: string
  /**
   * `ok`; `rate_limited` (out of capacity for now), `refusing` (its key, quota or model is not accepted), `sick` (its errors opened the
   * breaker), `probe` (sick, and about to be tried again).
   */
  condition: HealthCondition
  /** Milliseconds to a whole answer, and to the first part of a stream, smoothed. */
  answer_ms?: number
  first_event_ms?: number
  /** Share of failures, and of 429s, from 0 to 1. */
  error_rate?: number
  rate_limited_rate?: number
  /** Answers and failures that these are of; they age, so it is a fraction. */
  samples?: number
  in_flight?: number
  /** What it was found to take at once, and in a minute. */
  in_flight_max?: number
  per_minute_max?: number
}

/** What routing knows of the providers at this moment. Why one is off is in words for its operator, and told to nobody else. */
export function providerStatus(box: Farebox, { isOperator }: { isOperator: boolean }): ProviderStatus {
  const entries = box.catalog.services.flatMap((service) => box.catalog.forService(service))
  const slots = new Map(box.concurrency.stats().map(({ adapter, ...stats }) => [adapter, stats]))
  const adapters = box.providers.map((adapter): AdapterStatus => {
    const { name, isSimulated, availability } = adapter
    const concurrency = slots.get(name)
    return {
      adapter: name,
      simulated: isSimulated,
      availability: availability.status,
      ...(isOperator && availability.status === 'disabled' && { reason: availability.reason }),
      ...(concurrency && Number.isFinite(concurrency.limit) && { concurrency }),
      offers: entries.filter((entry) => entry.adapter === adapter).map((entry) => offerStatus(box, entry)),
    }
  })
  const ready = adapters.filter(({ availability }) => availability === 'ready')
  const isIll = ready.some(({ offers }) => offers.some(({ condition }) => condition !== 'ok'))
  const served = new Set(ready.flatMap(({ offers }) => offers.map(({ service_type }) => service_type)))
  return { status: isIll || box.catalog.services.some((service) => !served.has(service)) ? 'degraded' : 'ok', adapters }
}

function offerStatus(box: Farebox, { offer, healthKey }: CatalogEntry): OfferStatus {
  const reading = box.health.read(healthKey)
  const seen = {
    answer_ms: rounded(reading?.answerMs, 1),
    first_event_ms: rounded(reading?.firstEventMs, 1),
    error_rate: rounded(reading?.errorRate, 1e4),
    rate_limited_rate: rounded(reading?.rateLimitedRate, 1e4),
    samples: rounded(reading?.samples, 10),
    in_flight: reading?.inFlight,
    in_flight_max: reading?.inFlightMax,
    per_minute_max: reading?.perMinuteMax,
  }
  return {
    service_type: offer.service,
    provider: offer.provider,
    model: offer.model,
    condition: reading?.condition ?? 'ok',
    ...Object.fromEntries(Object.entries(seen).filter(([, value]) => value !== undefined)),
  }
}

function rounded(value: number | undefined, parts: number): number | undefined {
  return value === undefined ? undefined : Math.round(value * parts) / parts
}
