import type { Credits, Service } from '@farebox/core'
import type { ConfigurationCondition } from './conditions.ts'
import type { RoutingStrategy } from './strategy.ts'

/** How hard a request is to answer well. */
export type Complexity = 'low' | 'medium' | 'high'

/** A complexity as it may be stated. `auto`: worked out from the request, see {@link ComplexityClassifier}. */
export const complexities = ['low', 'medium', 'high', 'auto'] as const
/** A complexity as a request or configuration states it. */
export type StatedComplexity = (typeof complexities)[number]

/**
 * Which providers a team wants for its services, and what they may cost. The wire form is snake_case, see
 * {@link serviceConfigurationSchema}; the meaning of each field is documented here, once.
 */
export interface ServiceConfiguration {
  /** Chat model tried first, and for vision too unless `visionModel` says otherwise. */
  readonly primaryAiModel: string
  /** Chat model tried next. `null`: none by name. */
  readonly fallbackAiModel: string | null
  /** Whether `voice_stt`, `voice_tts` and `realtime` may be used. */
  readonly voiceEnabled: boolean
  /** Speaks. `null`: any that is on offer. */
  readonly ttsProvider: string | null
  /** Transcribes. `null`: any that is on offer. */
  readonly sttProvider: string | null
  /** Whether `phone` may be used. */
  readonly phoneEnabled: boolean
  /** Makes phone calls. `null`: any that is on offer. */
  readonly phoneProvider: string | null
  /** Whether images may be sent to a model, by the service `vision` or within a chat. */
  readonly visionEnabled: boolean
  /** Whether requests of low complexity go to the cheapest capable provider, and price counts most in scores. */
  readonly costOptimization: boolean
  /**
   * The most that one request may cost, also at its ceiling, and one piece of live work from its beginning to its end. `null`: no limit. Zero:
   * only what is free.
   */
  readonly maxCreditsPerRequest: Credits | null
  /** Model that looks at images. `null`: the chat models. */
  readonly visionModel: string | null
  /** How the candidates of a request are ordered. */
  readonly strategy: RoutingStrategy
  /** Complexity of requests that do not state theirs. `auto`: worked out from each. */
  readonly complexity: StatedComplexity
  /**
   * Accuracy and speed before cost: low complexity does not cheapen the choice, and where the configured provider is over
   * the limit or the balance the request is refused rather than given to a cheaper one.
   */
  readonly accuracyFirst: boolean
  /** Providers tried after those named above, by service, in order. */
  readonly fallbackProviders: Readonly<Partial<Record<Service, readonly string[]>>>
  /** Whether offers that are named nowhere above may serve as a last resort. */
  readonly lastResort: boolean
  /** Share of traffic by provider, whoever sells it, for strategy `weighted`; a provider without a weight, or of weight 0, is tried last. */
  readonly weights: Readonly<Record<string, number>>
  /** Where data may be processed, by the name that offers state: `eu`. `null`: anywhere. An offer that states no region serves none. */
  readonly dataRegion: string | null
  /** What the operator of every provider must promise: `zero_retention`. */
  readonly serviceLevels: readonly string[]
  /** The least quality that an offer may have, from 0 to 1. Zero: any. */
  readonly qualityMin: number
  /**
   * The longest predicted time to the first token of a stream, or to a whole answer: as measured, or as the offer says. What
   * was measured shuts nobody out of whom nothing was seen for two minutes. `null`: any.
   */
  readonly latencyMsMax: number | null
  /**
   * Share of requests, from 0 to 1, that strategy `balanced` gives to a candidate of which less is known, at our expense. Zero: none.
   * Never those of high accuracy or complexity, nor any where accuracy comes first.
   */
  readonly exploration: number
  /** What differs for requests of certain metadata. All that apply do, in order, a later one over an earlier. */
  readonly conditions: readonly ConfigurationCondition[]
}

/** Whether the configuration lets `service` be used. Services without a switch always may. */
export function isServiceEnabled(configuration: ServiceConfiguration, service: Service): boolean {
  const field = switchOf(service)
  return field === undefined || configuration[field]
}

/** The field that switches `service` on and off; `undefined` when it has none. */
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

/** The providers that the configuration names for `service`, first choice first, each once. */
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
  // A service may be called `constructor`, which every object has.
  if (Object.hasOwn(configuration.fallbackProviders, service)) configuration.fallbackProviders[service]?.forEach(add)
  return names
}
