import type { CatalogEntry, HealthCondition } from '@farebox/router'
import type { Farebox } from './farebox.ts'

/** The health of the providers, in wire form. */
export interface ProviderStatus {
  /** `degraded`: an offer of a ready adapter is not healthy, or a service has no ready adapter. */
  status: 'ok' | 'degraded'
  adapters: AdapterStatus[]
}

/** One adapter and its offers. */
export interface AdapterStatus {
  adapter: string
  /** Whether it makes up its answers. */
  simulated: boolean
  availability: 'ready' | 'disabled'
  /** Why it takes no calls. Shown to the admin token only. */
  reason?: string
  /** Running and waiting calls, if `concurrency` limits the adapter. */
  concurrency?: { limit: number; running: number; waiting: number }
  offers: OfferStatus[]
}

/**
 * One offer of an adapter, as observed by this process and those that share health with it. What has not been observed is absent.
 */
export interface OfferStatus {
  service_type: string
  provider: string
  model: string
  /**
   * `ok`, `rate_limited` (out of capacity for now), `refusing` (does not accept its key, quota or model), `sick` (errors opened
   * the circuit breaker) or `probe` (sick, and about to be tried again).
   */
  condition: HealthCondition
  /** Smoothed milliseconds to a whole answer, and to the first part of a stream. */
  answer_ms?: number
  first_event_ms?: number
  /** The share of failures, and of 429s, from 0 to 1. */
  error_rate?: number
  rate_limited_rate?: number
  /** The number of answers and failures behind these figures. Samples lose weight with age, so it may be a fraction. */
  samples?: number
  in_flight?: number
  /** The most requests that the provider was found to accept at once, and per minute. */
  in_flight_max?: number
  per_minute_max?: number
}

/** Reports what routing knows of the providers right now. Only an operator is told why an adapter is disabled. */
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
