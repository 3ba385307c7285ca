import type * as client from '@farebox/client'
import { ServicePresets } from '@farebox/client'
import { type Unit, units } from '@farebox/core'
import type { GrantSource } from '@farebox/ledger'
import { formatServiceConfiguration, presets, type ServiceConfigurationOutput } from '@farebox/router'
import type { EstimateReport, KeyUsageReport, Problem, Receipt, Recommendation, UsageReport } from 'farebox'
import { expect, expectTypeOf, it } from 'vitest'

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

it('describes answers as the engine makes them', () => {
  expect(units.length).toBeGreaterThan(0)
  expectTypeOf<client.UnitType>().toEqualTypeOf<Unit>()
  expectTypeOf<client.GrantSource>().toEqualTypeOf<GrantSource>()
  expectTypeOf<client.ServiceConfiguration>().toEqualTypeOf<ServiceConfigurationOutput>()
  expectTypeOf<client.Problem>().toExtend<Problem>()
  expectTypeOf<client.Receipt>().toExtend<Receipt>()
  expectTypeOf<keyof client.Receipt>().toEqualTypeOf<keyof Receipt>()
  expectTypeOf<client.UsageReport>().toExtend<UsageReport>()
  expectTypeOf<keyof client.UsageReport>().toEqualTypeOf<keyof UsageReport>()
  expectTypeOf<client.KeyUsageReport>().toExtend<KeyUsageReport>()
  expectTypeOf<keyof client.KeyUsageReport>().toEqualTypeOf<keyof KeyUsageReport>()
  expectTypeOf<client.Recommendation>().toExtend<Recommendation>()
  expectTypeOf<keyof client.Recommendation>().toEqualTypeOf<keyof Recommendation>()
  expectTypeOf<client.Estimate>().toExtend<EstimateReport>()
  expectTypeOf<keyof client.Estimate>().toEqualTypeOf<keyof EstimateReport>()
})
