import { presets, type ServiceConfiguration } from '@farebox/router'
import type { RecordedCall } from './recorded-call.ts'
import { type CallReplay, namedBy } from './replay-call.ts'

/** One way to configure calls otherwise. */
export interface ConfigurationChange {
  /** Wire form: `{ stt_provider: 'deepgram' }`, or `{ preset: 'costOptimized' }`. */
  wire: Readonly<Record<string, unknown>>
  /** The provider that it names, where it names one. */
  to?: string
  /** Another service that follows the same field. */
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

/** The changes that may make calls of one service cheaper: each provider that is on offer, the best first. */
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

/** The presets as changes. Where data may go and how good answers must be stays as it was. */
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

/** The changes that act on the calls of every service: routing by price, and the presets. */
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

/** Whoever puts accuracy before cost is not told to save. What was made of one configuration is kept, for many calls have the same. */
function unlessAccuracyFirst(configure: (then: ServiceConfiguration) => ServiceConfiguration) {
  const made = new WeakMap<ServiceConfiguration, ServiceConfiguration>()
  return (then: ServiceConfiguration): ServiceConfiguration => {
    if (then.accuracyFirst) return then
    const known = made.get(then) ?? configure(then)
    made.set(then, known)
    return known
  }
}
