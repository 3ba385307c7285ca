import { credits } from '@farebox/core'
import { expect, test } from 'vitest'
import {
  businessAdapters,
  defineBusinessAdapter,
  resolveBusinessAdapter,
  UnknownBusinessAdapterError,
} from './business-adapter.ts'
import { presets } from './presets.ts'
import { formatServiceConfiguration } from './service-configuration-wire.ts'

test('costOptimized costs at most 50 credits a request', () => {
  expect(formatServiceConfiguration(presets.costOptimized())).toMatchObject({
    primary_ai_model: 'gpt-4o-mini',
    stt_provider: 'deepgram',
    tts_provider: 'openai-tts',
    cost_optimization: true,
    max_credits_per_request: 50,
  })
})

test('premiumQuality takes the best providers and does not save', () => {
  expect(formatServiceConfiguration(presets.premiumQuality())).toMatchObject({
    primary_ai_model: 'gpt-4',
    tts_provider: 'elevenlabs',
    stt_provider: 'openai-whisper',
    cost_optimization: false,
    max_credits_per_request: null,
  })
})

test('emergencyServices has everything on, without a limit, accuracy first', () => {
  const wire = formatServiceConfiguration(presets.emergencyServices())
  expect(wire).toMatchObject({
    primary_ai_model: 'gpt-4o',
    tts_provider: 'openai-tts',
    stt_provider: 'openai-whisper',
    voice_enabled: true,
    phone_enabled: true,
    vision_enabled: true,
    cost_optimization: false,
    max_credits_per_request: null,
    accuracy_first: true,
  })
  expect(formatServiceConfiguration(businessAdapters.emergencyservices.configuration)).toEqual(wire)
})

test('overrides win over a preset, and an override of undefined is none', () => {
  const configuration = presets.costOptimized({ maxCreditsPerRequest: null, primaryAiModel: undefined })
  expect(configuration.maxCreditsPerRequest).toBeNull()
  expect(configuration.primaryAiModel).toBe('gpt-4o-mini')
  expect(Object.isFrozen(configuration)).toBe(true)
})

test('languagelearning speaks by cartesia and never phones', () => {
  expect(resolveBusinessAdapter('languagelearning').configuration).toMatchObject({
    primaryAiModel: 'gpt-4o-mini',
    fallbackAiModel: 'claude-3-haiku',
    ttsProvider: 'cartesia',
    sttProvider: 'deepgram',
    phoneEnabled: false,
    maxCreditsPerRequest: credits(75),
  })
})

test("a team's own business adapter is found beside ours, and may take the name of one", () => {
  const own = defineBusinessAdapter({ name: 'languagelearning', description: 'ours', configuration: { phoneEnabled: true } })
  expect(resolveBusinessAdapter('languagelearning', [own])).toBe(own)
  expect(resolveBusinessAdapter('emergencyservices', [own])).toBe(businessAdapters.emergencyservices)
})

test('an unknown business adapter is refused with the names that are known', () => {
  expect(() => resolveBusinessAdapter('constructor')).toThrow(UnknownBusinessAdapterError)
  expect(() => resolveBusinessAdapter('pizza')).toThrow(
    'no business adapter is called "pizza"; known are emergencyservices, languagelearning',
  )
})

test('a name that cannot travel in a path is refused', () => {
  expect(() => defineBusinessAdapter({ name: 'My Shop', description: '', configuration: {} })).toThrow('received "My Shop"')
})
