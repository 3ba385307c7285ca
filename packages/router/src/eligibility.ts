import type { Offer, ProviderAdapter } from '@farebox/core'
import type { CatalogEntry } from './catalog.ts'
import type { TooLong } from './route.ts'
import type { RouteNeeds, RouteRequest } from './route-request.ts'
import type { ServiceConfiguration } from './service-configuration.ts'

/** What every candidate of a request must satisfy: the demands of the request and of the configuration combined. */
export interface Demands {
  readonly needs: RouteNeeds
  readonly images: boolean
  readonly language: string | undefined
  readonly regions: readonly string[]
  readonly serviceLevels: readonly string[]
  readonly qualityMin: number
  readonly latencyMsMax: number
}

/** Combines what `request` and `configuration` demand. Where both set a bound, the stricter applies. */
export function demandsOf(request: RouteRequest, configuration: ServiceConfiguration): Demands {
  const needs = request.needs ?? NO_NEEDS
  return {
    needs,
    images: needs.images === true || request.operation === 'see',
    language: needs.language?.toLowerCase(),
    regions: [configuration.dataRegion ?? [], needs.region ?? []].flat(),
    serviceLevels: needs.serviceLevels ? [...configuration.serviceLevels, ...needs.serviceLevels] : configuration.serviceLevels,
    qualityMin: Math.max(configuration.qualityMin, needs.qualityMin ?? 0),
    latencyMsMax: Math.min(
      configuration.latencyMsMax ?? Number.POSITIVE_INFINITY,
      needs.latencyMsMax ?? Number.POSITIVE_INFINITY,
    ),
  }
}

/** Which demand an offer fails, as text, or `undefined`. {@link tooSlow} checks latency, {@link tooLong} checks size. */
export function lackingCapability({ offer, adapter }: CatalogEntry, request: RouteRequest, demands: Demands): string | undefined {
  const { capabilities } = offer
  const { needs, language, regions, serviceLevels, qualityMin } = demands
  if (!canDo(adapter, request, needs.streaming === true)) return `its adapter cannot ${request.operation} this way`
  if (needs.streaming && !capabilities.streaming) return 'it does not stream'
  if (needs.tools && !capabilities.tools) return 'it does not call tools'
  if (demands.images && !capabilities.images) return 'it does not see images'
  if (language !== undefined && capabilities.languages && !knows(capabilities.languages, language)) {
    return `it does not know the language ${language}`
  }
  for (const region of regions) {
    if (!capabilities.regions) return `it does not say where its data is processed, and that must be ${region}`
    if (!capabilities.regions.includes(region))
      return `its data is processed in ${capabilities.regions.join(', ')}, not in ${region}`
  }
  for (const level of serviceLevels) {
    if (!capabilities.serviceLevels?.includes(level)) return `its operator does not promise ${level}`
  }
  if (offer.quality < qualityMin) return `its quality is ${offer.quality}, below ${qualityMin}`
  return undefined
}

/** Why an offer with this latency is too slow, as text, or `undefined`. */
export function tooSlow(latencyMs: number, { latencyMsMax, needs }: Demands): string | undefined {
  if (latencyMs <= latencyMsMax) return undefined
  return `it ${needs.streaming ? 'begins' : 'answers'} in ${Math.round(latencyMs)} ms, more than ${latencyMsMax}`
}

function knows(languages: readonly string[], language: string): boolean {
  return languages.some((known) => {
    const code = known.toLowerCase()
    return code === language || language.startsWith(`${code}-`)
  })
}

function canDo(adapter: ProviderAdapter, request: RouteRequest, streaming: boolean): boolean {
  switch (request.operation) {
    case 'chat':
    case 'see':
      return (streaming ? adapter.streamChat : adapter.chat) !== undefined
    case 'speak':
      return (streaming ? adapter.streamSpeech : adapter.speak) !== undefined
    case 'transcribe':
      return adapter.transcribe !== undefined
    case 'listen':
      return adapter.streamTranscription !== undefined
    case 'converse':
      return adapter.converse !== undefined
    case 'call':
      return adapter.call !== undefined
    case 'embed':
      return adapter.embed !== undefined
  }
}

const NO_NEEDS: RouteNeeds = {}

/** Which part of a request does not fit an offer, or `undefined`. */
export function tooLong({ capabilities }: Offer, { needs }: Demands): TooLong | undefined {
  const { contextTokens = 0, answerTokens = 0, characters = 0 } = needs
  const unwritten = Math.max(answerTokens - (capabilities.outputTokensMax ?? answerTokens), 0)
  const tokens = contextTokens - unwritten
  if (tokens > (capabilities.contextTokens ?? Number.POSITIVE_INFINITY)) {
    return { unit: 'tokens', length: tokens, most: capabilities.contextTokens ?? 0 }
  }
  if (characters > (capabilities.charactersMax ?? Number.POSITIVE_INFINITY)) {
    return { unit: 'characters', length: characters, most: capabilities.charactersMax ?? 0 }
  }
  return undefined
}
