import { credits } from '@farebox/core'
import { applyConditions, explainRoute, presets } from '@farebox/router'
import { describe, expect, it } from 'vitest'
import { order, planned, request } from './plan-parts.ts'

const configuration = presets.balanced({
  primaryAiModel: 'gpt-4o',
  conditions: [
    { when: { region: 'eu' }, use: { dataRegion: 'eu', primaryAiModel: 'gpt-4' } },
    { when: { tier: ['free', 'trial'] }, use: { primaryAiModel: 'gpt-4o-mini', maxCreditsPerRequest: credits(2) } },
  ],
})

const applied = (metadata: Record<string, string>) => applyConditions(configuration, metadata)

describe('conditions', () => {
  it('give the free tier a cheaper model, and nobody else', () => {
    const first = (metadata?: Record<string, string>) => order(planned({ configuration, request: request({ metadata }) }))[0]
    expect(first({ tier: 'free' })).toBe('gpt-4o-mini')
    expect(first({ tier: 'trial' })).toBe('gpt-4o-mini')
    expect(first({ tier: 'paid' })).toBe('gpt-4o')
    expect(first()).toBe('gpt-4o')
  })

  it('all apply, in order: a later one wins a field, and an earlier one keeps the others', () => {
    expect(applied({ region: 'eu', tier: 'free' })).toMatchObject({
      configuration: { dataRegion: 'eu', primaryAiModel: 'gpt-4o-mini', maxCreditsPerRequest: credits(2) },
      met: [0, 1],
    })
    expect(applied({ region: 'us', tier: 'paid' }).met).toEqual([])
  })

  it('are met by every key or not at all', () => {
    const both = presets.balanced({ conditions: [{ when: { tier: 'free', plan: 'b' }, use: { phoneEnabled: false } }] })
    expect(applyConditions(both, { tier: 'free' }).met).toEqual([])
    expect(applyConditions(both, { tier: 'free', plan: 'b', other: 'x' }).met).toEqual([0])
    const always = presets.balanced({ conditions: [{ when: {}, use: { phoneEnabled: false } }] })
    expect(applyConditions(always).met).toEqual([0])
  })

  it('change no field by leaving it undefined', () => {
    const odd = presets.balanced({ conditions: [{ when: {}, use: { primaryAiModel: undefined, phoneEnabled: false } }] })
    expect(applyConditions(odd).configuration).toMatchObject({ primaryAiModel: 'gpt-4o-mini', phoneEnabled: false })
  })

  it('are not met by what every object has', () => {
    const odd = presets.balanced({ conditions: [{ when: { constructor: 'x' }, use: { phoneEnabled: false } }] })
    expect(applyConditions(odd, {}).met).toEqual([])
  })

  it('change nothing of the configuration that they belong to', () => {
    expect(applied({ tier: 'free' }).configuration).not.toBe(configuration)
    expect(configuration.primaryAiModel).toBe('gpt-4o')
    expect(applied({ tier: 'paid' }).configuration).toBe(configuration)
  })

  it('are named by the route that they changed', () => {
    const route = planned({ configuration, request: request({ metadata: { tier: 'free' } }) })
    expect(route.conditions).toEqual([1])
    expect(explainRoute(route)).toContain('conditions met: 1')
  })
})
