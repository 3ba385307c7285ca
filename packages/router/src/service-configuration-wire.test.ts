import { credits, microCredits } from '@farebox/core'
import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { checkServiceConfiguration } from './check-service-configuration.ts'
import { presets } from './presets.ts'
import { formatServiceConfiguration, InvalidConfigurationError, parseServiceConfiguration } from './service-configuration-wire.ts'

function refusedFields(input: unknown): Record<string, string> {
  try {
    parseServiceConfiguration(input)
  } catch (error) {
    if (error instanceof InvalidConfigurationError) {
      expect(error.code).toBe('INVALID_CONFIGURATION')
      return Object.fromEntries(error.fields.map((invalid) => [invalid.field, invalid.allowed]))
    }
    throw error
  }
  throw new Error('the configuration was accepted')
}

describe('parseServiceConfiguration', () => {
  test('fields that are absent keep the value of the base', () => {
    const base = presets.premiumQuality()
    const configuration = parseServiceConfiguration({ primary_ai_model: 'gpt-4o', max_credits_per_request: 50 }, base)
    expect(configuration).toEqual({ ...base, primaryAiModel: 'gpt-4o', maxCreditsPerRequest: credits(50) })
  })

  test('null takes a fallback or a limit away', () => {
    const configuration = parseServiceConfiguration(
      { fallback_ai_model: null, max_credits_per_request: null },
      presets.costOptimized(),
    )
    expect(configuration.fallbackAiModel).toBeNull()
    expect(configuration.maxCreditsPerRequest).toBeNull()
  })

  test.each([
    [0, credits(0)],
    [0.1, credits('0.1')],
    ['0.25', credits('0.25')],
    ['50', credits(50)],
    [75, credits(75)],
  ])('a limit of %j credits is read exactly', (value, limit) => {
    expect(parseServiceConfiguration({ max_credits_per_request: value }).maxCreditsPerRequest).toBe(limit)
  })

  test.each([-1, '-1', '1e3', 1e21, 0.0000001, '0.1234567', '', 'many', true, [], {}])('a limit of %j is refused', (value) => {
    expect(refusedFields({ max_credits_per_request: value })).toEqual({
      max_credits_per_request:
        'must be credits from 0 as a number or a decimal string with at most six decimals, or null for no limit',
    })
  })

  test('every unknown field is named, with those that are known', () => {
    const fields = refusedFields({ primary_model: 'gpt-4', colour: 1 })
    expect(Object.keys(fields)).toEqual(['primary_model', 'colour'])
    expect(fields.colour).toContain('primary_ai_model')
  })

  test('every field that is out of range is named, with what is allowed', () => {
    expect(
      refusedFields({
        voice_enabled: 'yes',
        primary_ai_model: '',
        strategy: 'random',
        weights: { deepgram: -1 },
        tts_provider: 7,
      }),
    ).toEqual({
      voice_enabled: 'must be true or false',
      primary_ai_model: 'must be the name of a provider, 1 to 100 characters',
      strategy: 'must be one of configured, lowest_cost, lowest_latency, highest_quality, weighted, balanced',
      'weights.deepgram': 'must map provider names to numbers from 0',
      tts_provider: 'must be the name of a provider, 1 to 100 characters, or null',
    })
  })

  test('filters, floors, exploration and conditions are read, a limit within a condition exactly', () => {
    const wire = {
      complexity: 'auto' as const,
      data_region: 'eu',
      service_levels: ['zero_retention'],
      quality_min: 0.7,
      latency_ms_max: 800,
      exploration: 0,
      conditions: [
        { when: { tier: 'free' }, use: { primary_ai_model: 'gpt-4o-mini', max_credits_per_request: '0.5' } },
        { when: { tier: ['pro', 'team'], beta: 'yes' }, use: { data_region: null } },
      ],
    }
    const configuration = parseServiceConfiguration(wire)
    expect(configuration).toEqual(
      presets.balanced({
        complexity: 'auto',
        dataRegion: 'eu',
        serviceLevels: ['zero_retention'],
        qualityMin: 0.7,
        latencyMsMax: 800,
        exploration: 0,
        conditions: [
          { when: { tier: 'free' }, use: { primaryAiModel: 'gpt-4o-mini', maxCreditsPerRequest: credits('0.5') } },
          { when: { tier: ['pro', 'team'], beta: 'yes' }, use: { dataRegion: null } },
        ],
      }),
    )
    expect(formatServiceConfiguration(configuration)).toMatchObject(wire)
    expect(parseServiceConfiguration(formatServiceConfiguration(configuration))).toEqual(configuration)
  })

  test('what is wrong within a condition is named with its place', () => {
    expect(
      refusedFields({
        data_region: '',
        service_levels: 'hipaa',
        quality_min: 1.1,
        latency_ms_max: 0,
        exploration: '1%',
        conditions: [{ when: { tier: 7 }, use: { voice_enabled: 'yes' } }, { when: {}, use: { conditions: [] } }, 'free'],
      }),
    ).toEqual({
      data_region: 'must be the name of a region, 1 to 100 characters, or null',
      service_levels: 'must be a list of at most 20 names, 1 to 100 characters each',
      quality_min: 'must be a number from 0 to 1',
      latency_ms_max: 'must be milliseconds above 0, or null for any',
      exploration: 'must be a number from 0 to 1',
      'conditions.0.when.tier': 'must map keys of metadata to a text or a list of texts',
      'conditions.0.use.voice_enabled': 'must be true or false',
      'conditions.1.use.conditions': expect.stringContaining('is unknown'),
      'conditions.2': 'must be a list of at most 50 conditions, each { when, use }',
    })
  })

  test('a key __proto__ of a map is refused by name, and leaves no condition that always applies', () => {
    const input: unknown = JSON.parse(
      '{"conditions":[{"when":{"__proto__":"x"},"use":{}}],"weights":{"__proto__":1},"fallback_providers":{"__proto__":[]}}',
    )
    const message = 'cannot be a name in a map'
    expect(refusedFields(input)).toEqual({
      'conditions.0.when.__proto__': message,
      'weights.__proto__': message,
      'fallback_providers.__proto__': message,
    })
    const { weights } = input as { weights: Record<string, number> }
    expect(() => checkServiceConfiguration({ ...presets.balanced(), weights })).toThrow(`weights.__proto__ ${message}`)
  })

  test.each([null, 'cheap', 3, []])('%j is not a configuration', (input) => {
    expect(refusedFields(input)).toEqual({ service_configuration: 'must be an object' })
  })

  test('what is formatted reads back as the same configuration, at any limit', () => {
    fc.assert(
      fc.property(fc.bigInt(0n, 2n ** 63n - 1n), (limit) => {
        const configuration = presets.balanced({
          maxCreditsPerRequest: microCredits(limit),
          fallbackProviders: { voice_tts: ['cartesia'] },
        })
        const wire: unknown = JSON.parse(JSON.stringify(formatServiceConfiguration(configuration)))
        expect(parseServiceConfiguration(wire, presets.emergencyServices())).toEqual(configuration)
      }),
    )
  })
})
