import type { Credits, Service } from '@farebox/core'
import type { ConfigurationCondition } from './conditions.ts'
import type { RoutingStrategy } from './strategy.ts'

/** How hard a request is to answer well. */
export type Complexity = 'low' | 'medium' | 'high'

/** The complexities that can be stated. `auto`: derived from the request, see {@link ComplexityClassifier}. */
export const complexities = ['low', 'medium', 'high', 'auto'] as const
/** A complexity as a request or configuration states it. */
export type StatedComplexity = (typeof complexities)[number]

/**
 * Which providers a team wants for its services, and what they may cost. This is the one place that documents what each field
 * means. The wire form is snake_case, see {@link serviceConfigurationSchema}.
 */
export interface ServiceConfiguration {
  /** Chat model tried first, and for vision too unless `visionModel` says otherwise. */
  readonly primaryAiModel: string
  /** Chat model tried next. `null`: no named fallback. */
  readonly fallbackAiModel: string | null
  /** Whether `voice_stt`, `voice_tts` and `realtime` may be used. */
  readonly voiceEnabled: boolean
  /** Provider of text-to-speech. `null`: any that is offered. */
  readonly ttsProvider: string | null
  /** Provider of speech-to-text. `null`: any that is offered. */
  readonly sttProvider: string | null
  /** Whether `phone` may be used. */
  readonly phoneEnabled: boolean
  /** Provider of phone calls. `null`: any that is offered. */
  readonly phoneProvider: string | null
  /** Whether images may be sent to a model, through the service `vision` or within a chat. */
  readonly visionEnabled: boolean
  /** Whether requests of low complexity go to the cheapest capable provider and price weighs most in scores. */
  readonly costOptimization: boolean
  /**
   * The most that one request may cost, measured at its ceiling. For live work, the limit covers the whole session. `null`: no
   * limit. Zero: only free offers.
   */
  readonly maxCreditsPerRequest: Credits | null
  /** Model for images. `null`: the chat models. */
  readonly visionModel: string | null
  /** How the router orders the candidates of a request. */
  readonly strategy: RoutingStrategy
  /** Complexity of requests that state none. `auto`: derived from each request. */
  readonly complexity: StatedComplexity
  /**
   * Puts accuracy and speed before cost. Low complexity does not lead to a cheaper choice. A request whose configured provider
   * exceeds the limit or the balance is refused instead of going to a cheaper provider.
   */
  readonly accuracyFirst: boolean
  /** Providers to try after those named above, by service, in order. */
  readonly fallbackProviders: Readonly<Partial<Record<Service, readonly string[]>>>
  /** Whether offers that no field above names may serve as a last resort. */
  readonly lastResort: boolean
  /** Share of traffic by provider, across its adapters, for strategy `weighted`. Providers of no weight, or 0, are tried last. */
  readonly weights: Readonly<Record<string, number>>
  /** Region where data may be processed, as offers name it: `eu`. `null`: any. An offer that states no region matches none. */
  readonly dataRegion: string | null
  /** What every provider's operator must promise: `zero_retention`. */
  readonly serviceLevels: readonly string[]
  /** Minimum quality of an offer, from 0 to 1. Zero: any. */
  readonly qualityMin: number
  /**
   * Maximum predicted time to the first token of a stream, or to a whole answer: as measured, or as the offer states. `null`:
   * any. A measurement excludes nobody once two minutes have passed without a new one of its kind.
   */
  readonly latencyMsMax: number | null
  /**
   * Share of requests, from 0 to 1, that strategy `balanced` sends to a less known candidate, at your expense. Zero: none. It
   * never explores with requests of high accuracy or high complexity, with live sound, nor under `accuracyFirst`.
   */
  readonly exploration: number
  /** Overrides for requests with certain metadata. All matching conditions apply in order, and later ones win. */
  readonly conditions: readonly ConfigurationCondition[]
}

/** Whether the configuration enables `service`. A service without a switch is always enabled. */
export function isServiceEnabled(configuration: ServiceConfiguration, service: Service): boolean {
  const field = switchOf(service)
  return field === undefined || configuration[field]
}

/** The field that switches `service` on and off, or `undefined` when there is none. */
export function switchOf(service: Service): 'voiceEnabled' | 'phoneEnabled' | 'visionEnabled' | undefined {
  switch (service) {
    case 'voice_stt':
    case 'voice_tts':
    case 'realtime':
      return 'voiceEnabled'
    case 'phone':
      return 'phoneEnabled'
    case 'vision':
      return 'visionEnabled'
    default:
      return undefined
  }
}

/** The providers that the configuration names for `service`, without duplicates, first choice first. */
export function namedProviders(configuration: ServiceConfiguration, service: Service): readonly string[] {
  const names: string[] = []
  const add = (name: string | null | undefined) => {
    if (name && !names.includes(name)) names.push(name)
  }
  switch (service) {
    case 'vision':
      add(configuration.visionModel)
      add(configuration.primaryAiModel)
      add(configuration.fallbackAiModel)
      break
    case 'gpt':
      add(configuration.primaryAiModel)
      add(configuration.fallbackAiModel)
      break
    case 'voice_tts':
      add(configuration.ttsProvider)
      break
    case 'voice_stt':
      add(configuration.sttProvider)
      break
    case 'phone':
      add(configuration.phoneProvider)
      break
  }
  // A service may be called `constructor`, a property that every object inherits.
  if (Object.hasOwn(configuration.fallbackProviders, service)) configuration.fallbackProviders[service]?.forEach(add)
  return names
}
