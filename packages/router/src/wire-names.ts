import type { ServiceConfiguration } from './service-configuration.ts'
import type { ServiceConfigurationInput } from './service-configuration-schema.ts'

/** The wire name of each configuration field. */
export const wireNames = {
  primaryAiModel: 'primary_ai_model',
  fallbackAiModel: 'fallback_ai_model',
  voiceEnabled: 'voice_enabled',
  ttsProvider: 'tts_provider',
  sttProvider: 'stt_provider',
  phoneEnabled: 'phone_enabled',
  phoneProvider: 'phone_provider',
  visionEnabled: 'vision_enabled',
  costOptimization: 'cost_optimization',
  maxCreditsPerRequest: 'max_credits_per_request',
  visionModel: 'vision_model',
  strategy: 'strategy',
  complexity: 'complexity',
  accuracyFirst: 'accuracy_first',
  fallbackProviders: 'fallback_providers',
  lastResort: 'last_resort',
  weights: 'weights',
  dataRegion: 'data_region',
  serviceLevels: 'service_levels',
  qualityMin: 'quality_min',
  latencyMsMax: 'latency_ms_max',
  exploration: 'exploration',
} as const satisfies Record<keyof Omit<ServiceConfiguration, 'conditions'>, keyof ServiceConfigurationInput>
