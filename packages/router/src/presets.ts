import { credits } from '@farebox/core'
import { given } from './given.ts'
import type { ServiceConfiguration } from './service-configuration.ts'

const balanced: ServiceConfiguration = {
  primaryAiModel: 'gpt-4o-mini',
  fallbackAiModel: 'claude-3-haiku',
  voiceEnabled: true,
  ttsProvider: 'openai-tts',
  sttProvider: 'deepgram',
  phoneEnabled: true,
  phoneProvider: 'twilio',
  visionEnabled: true,
  costOptimization: true,
  maxCreditsPerRequest: null,
  visionModel: 'gpt-4o',
  strategy: 'configured',
  complexity: 'medium',
  accuracyFirst: false,
  fallbackProviders: {},
  lastResort: true,
  weights: {},
  dataRegion: null,
  serviceLevels: [],
  qualityMin: 0,
  latencyMsMax: null,
  exploration: 0.01,
  conditions: [],
}

const costOptimized: Partial<ServiceConfiguration> = { visionModel: null, maxCreditsPerRequest: credits(50) }

const premiumQuality: Partial<ServiceConfiguration> = {
  primaryAiModel: 'gpt-4',
  fallbackAiModel: 'gpt-4o',
  ttsProvider: 'elevenlabs',
  sttProvider: 'openai-whisper',
  costOptimization: false,
  complexity: 'high',
}

const emergencyServices: Partial<ServiceConfiguration> = {
  primaryAiModel: 'gpt-4o',
  fallbackAiModel: 'gpt-4',
  ttsProvider: 'openai-tts',
  sttProvider: 'openai-whisper',
  costOptimization: false,
  accuracyFirst: true,
  complexity: 'high',
  exploration: 0,
}

type Preset = (overrides?: Partial<ServiceConfiguration>) => ServiceConfiguration

function preset(own: Partial<ServiceConfiguration>): Preset {
  return (overrides = {}) => Object.freeze({ ...balanced, ...own, ...given(overrides) })
}

/**
 * Configurations for common goals. Each call returns a frozen copy with `overrides` applied:
 * `presets.costOptimized({ phoneEnabled: false })`.
 *
 * | preset | chat | speech-to-text | text-to-speech | cost |
 * |---|---|---|---|---|
 * | `costOptimized` | gpt-4o-mini, claude-3-haiku | deepgram | openai-tts | optimized, at most 50 credits a request |
 * | `premiumQuality` | gpt-4, gpt-4o | openai-whisper | elevenlabs | not optimized, no limit |
 * | `emergencyServices` | gpt-4o, gpt-4 | openai-whisper | openai-tts | accuracy and speed first, no limit |
 * | `balanced` | gpt-4o-mini, claude-3-haiku | deepgram | openai-tts | optimized, no limit |
 *
 * The limit per request applies to live work too. A live transcription, a conversation or metered time ends once its total cost
 * reaches the limit. A phone call that may cost more is refused. For long ones, use
 * `presets.costOptimized({ maxCreditsPerRequest: null })`.
 */
export const presets = {
  costOptimized: preset(costOptimized),
  premiumQuality: preset(premiumQuality),
  emergencyServices: preset(emergencyServices),
  balanced: preset({}),
} as const satisfies Record<string, Preset>
