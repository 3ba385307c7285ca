import type { ServiceType } from './basics.ts'

/** The health of the providers. */
export interface ProviderStatus {
  status: 'ok' | 'degraded'
  adapters: AdapterStatus[]
}

/** The health of one adapter. */
export interface AdapterStatus {
  adapter: string
  simulated: boolean
  availability: 'ready' | 'disabled'
  /** Why it takes no calls. Only for the admin token. */
  reason?: string
  concurrency?: { limit: number; running: number; waiting: number }
  offers: OfferStatus[]
}

/** The observed health of one offer. What has not been observed is absent. */
export interface OfferStatus {
  service_type: ServiceType
  provider: string
  model: string
  condition: 'ok' | 'probe' | 'rate_limited' | 'refusing' | 'sick'
  answer_ms?: number
  first_event_ms?: number
  error_rate?: number
  rate_limited_rate?: number
  samples?: number
  in_flight?: number
  in_flight_max?: number
  per_minute_max?: number
}

/** Whether the process answers. */
export interface Health {
  status: 'ok'
}

/** Whether the store answers, and which providers take calls. Only the admin token sees why one does not. */
export interface Readiness {
  status: 'ok'
  providers: { name: string; simulated: boolean; status: string; reason?: string }[]
}
