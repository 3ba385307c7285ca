import { presets, type ServiceConfiguration } from '@farebox/router'
import type { RecordedCall } from './recorded-call.ts'
import { type CallReplay, namedBy } from './replay-call.ts'

/** One possible change of the configuration. */
export interface ConfigurationChange {
  /** Wire form: `{ stt_provider: 'deepgram' }`, or `{ preset: 'costOptimized' }`. */
  wire: Readonly<Record<string, unknown>>
  /** The provider that the change names, if any. */
  to?: string
  /** Another service that the same field affects. */
  also?: string
  /** The quality of that provider's offer, 0 to 1. */
  quality: number
  configure: (then: ServiceConfiguration) => ServiceConfiguration
  elsewhere: ServiceConfiguration
}

const FIELDS: Readonly<Record<string, readonly [field: keyof ServiceConfiguration, wire: string]>> = {
  gpt: ['primaryAiModel', 'primary_ai_model'],
  vision: ['visionModel', 'vision_model'],
  voice_stt: ['sttProvider', 'stt_provider'],
  voice_tts: ['ttsProvider', 'tts_provider'],
  phone: ['phoneProvider', 'phone_provider'],
}

/** The changes that may make calls of one service cheaper: one for each provider on offer, best quality first. */
export function changesFor(call: RecordedCall, replay: CallReplay): ConfigurationChange[] {
  const { service } = call
  const byProvider = new Map<string, number>()
  for (const { offer } of replay.standIns(call)) {
    byProvider.set(offer.provider, Math.max(offer.quality, byProvider.get(offer.provider) ?? 0))
  }
  return [...byProvider]
    .sort(([, left], [, right]) => right - left)
    .map(([to, quality]) => {
      const [field, wireName] = FIELDS[service] ?? []
      const fallbacks = { [service]: [to] }
      return field && wireName
        ? change({ [wireName]: to }, { [field]: to }, { to, quality, ...(field === 'primaryAiModel' && { also: 'vision' }) })
        : change({ fallback_providers: fallbacks }, { fallbackProviders: fallbacks }, { to, quality })
    })
}

/** The presets as changes. They keep the requirements on regions, service levels, quality and latency. */
const presetChanges: readonly ConfigurationChange[] = (['costOptimized', 'balanced'] as const).map((preset) => ({
  wire: { preset },
  quality: 0,
  configure: unlessAccuracyFirst(
    ({ dataRegion, serviceLevels, qualityMin, latencyMsMax, voiceEnabled, phoneEnabled, visionEnabled, conditions }) =>
      presets[preset]({
        dataRegion,
        serviceLevels,
        qualityMin,
        latencyMsMax,
        voiceEnabled,
        phoneEnabled,
        visionEnabled,
        conditions,
      }),
  ),
  elsewhere: presets[preset](),
}))

/** Changes that affect the calls of every service: routing by price, and the presets. */
export const wholeChanges: readonly ConfigurationChange[] = [
  change({ cost_optimization: true }, { costOptimization: true }),
  change({ strategy: 'lowest_cost' }, { strategy: 'lowest_cost' }),
  ...presetChanges,
]

function change(
  wire: Record<string, unknown>,
  fields: Partial<ServiceConfiguration>,
  { to, also, quality = 0 }: { to?: string; also?: string; quality?: number } = {},
): ConfigurationChange {
  return {
    wire,
    ...(to !== undefined && { to }),
    ...(also !== undefined && { also }),
    quality,
    configure: unlessAccuracyFirst(({ fallbackProviders, ...then }) => ({
      ...then,
      ...fields,
      fallbackProviders: { ...fallbackProviders, ...fields.fallbackProviders },
    })),
    elsewhere: namedBy(fields),
  }
}

/** Leaves a configuration with `accuracyFirst` unchanged. Caches the result, because many calls share a configuration. */
function unlessAccuracyFirst(configure: (then: ServiceConfiguration) => ServiceConfiguration) {
  const made = new WeakMap<ServiceConfiguration, ServiceConfiguration>()
  return (then: ServiceConfiguration): ServiceConfiguration => {
    if (then.accuracyFirst) return then
    const known = made.get(then) ?? configure(then)
    made.set(then, known)
    return known
  }
}
