import { ServicePresets } from '@farebox/client'
import { formatServiceConfiguration, presets } from '@farebox/router'
import { expect, it } from 'vitest'

const names = Object.keys(presets) as (keyof typeof presets)[]

it('has every preset of the router', () => {
  expect(Object.keys(ServicePresets).sort()).toEqual([...names].sort())
})

it.each(names)('%s is what the router has under that name', (name) => {
  expect(ServicePresets[name]()).toEqual(formatServiceConfiguration(presets[name]()))
})

it.each(names)('%s takes overrides, and nobody else sees them', (name) => {
  expect(ServicePresets[name]({ tts_provider: 'cartesia', max_credits_per_request: 5 })).toEqual({
    ...ServicePresets[name](),
    tts_provider: 'cartesia',
    max_credits_per_request: 5,
  })
  ServicePresets[name]().weights.deepgram = 1
  expect(ServicePresets[name]().weights).toEqual({})
})
