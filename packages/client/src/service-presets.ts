import type { ServiceConfiguration } from './wire/index.ts'

type Preset = (overrides?: Partial<ServiceConfiguration>) => ServiceConfiguration
type PresetName = 'costOptimized' | 'premiumQuality' | 'emergencyServices' | 'balanced'

const balanced: Preset = (overrides) => ({
  primary_ai_model: 'gpt-4o-mini',
  fallback_ai_model: 'claude-3-haiku',
  voice_enabled: true,
  tts_provider: 'openai-tts',
  stt_provider: 'deepgram',
  phone_enabled: true,
  phone_provider: 'twilio',
  vision_enabled: true,
  cost_optimization: true,
  max_credits_per_request: null,
  vision_model: 'gpt-4o',
  strategy: 'configured',
  complexity: 'medium',
  accuracy_first: false,
  fallback_providers: {},
  last_resort: true,
  weights: {},
  data_region: null,
  service_levels: [],
  quality_min: 0,
  latency_ms_max: null,
  exploration: 0.01,
  conditions: [],
  ...overrides,
})

/** Service configurations for common goals, in the API's wire format. Each preset takes `overrides`, which replace its fields. */
export const ServicePresets: Readonly<Record<PresetName, Preset>> = {
  /** The cheapest providers, and at most 50 credits per request. The limit applies to live work too, which ends there. */
  costOptimized: (overrides) => balanced({ vision_model: null, max_credits_per_request: 50, ...overrides }),

  /** The best providers, regardless of cost. */
  premiumQuality: (overrides) =>
    balanced({
      primary_ai_model: 'gpt-4',
      fallback_ai_model: 'gpt-4o',
      tts_provider: 'elevenlabs',
      stt_provider: 'openai-whisper',
      cost_optimization: false,
      complexity: 'high',
      ...overrides,
    }),

  /** Accuracy and speed before cost, with no spending limit. */
  emergencyServices: (overrides) =>
    balanced({
      primary_ai_model: 'gpt-4o',
      fallback_ai_model: 'gpt-4',
      stt_provider: 'openai-whisper',
      cost_optimization: false,
      accuracy_first: true,
      complexity: 'high',
      exploration: 0,
      ...overrides,
    }),

  /** Cheap providers where they are good enough, with no spending limit. */
  balanced,
}
