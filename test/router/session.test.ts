import { credits, quantity } from '@farebox/core'
import { createCatalog, explainRoute, presets, type RouteSession } from '@farebox/router'
import { describe, expect, it } from 'vitest'
import { adapter, health, offer, order, planned, type prices, request } from './plan-parts.ts'

const session: RouteSession = { provider: 'sonnet', cachedInput: quantity(900), expiresAt: 2_000 }
const catalog = createCatalog([
  adapter('openai', [offer('gpt-4o', 0.85, 500)]),
  adapter('anthropic', [offer('sonnet', 0.9, 600)]),
])
const configured = presets.balanced({ primaryAiModel: 'gpt-4o', fallbackAiModel: 'sonnet' })
const of = (overrides: Parameters<typeof planned>[0] = {}) =>
  planned({ configuration: configured, catalog, request: request({ session }), now: 1_000, ...overrides })

describe('a session', () => {
  it('makes its provider cheaper by what is in its cache, at the ceiling by nothing', () => {
    const candidate = of().candidates.find(({ offer }) => offer.provider === 'sonnet')
    expect(candidate).toMatchObject({ chargeExpected: credits('1.8'), chargeCeiling: credits(18), cachedInput: quantity(900) })
  })

  it('keeps its provider first in configured order where that is cheaper and no worse, and says why', () => {
    const route = of()
    expect(order(route)).toEqual(['sonnet', 'gpt-4o'])
    expect(route.session).toEqual({ candidate: route.candidates[0], isKept: true })
    expect(explainRoute(route)[1]).toContain(
      '1. sonnet (anthropic): configured fallback, 900 tokens of its cache keep it first; 1.8',
    )
  })

  it('of live sound is priced by the model that prices it', () => {
    const live = { ...offer('sonnet', 0.9, 600), liveModel: 'live' }
    const charging: typeof prices = {
      predict: ({ model }, quantities) => {
        const isCached = quantities.some(({ meter }) => meter === 'cached_input')
        return { charge: credits((model === 'live' ? 20 : 5) - (isCached ? 2 : 0)) }
      },
    }
    const talking = adapter('anthropic', [live])
    const given = request({ session, operation: 'converse' })
    const [candidate] = of({
      catalog: createCatalog([{ ...talking, converse: talking.streamChat as never }]),
      prices: charging,
      request: given,
    }).candidates
    expect(candidate).toMatchObject({ chargeExpected: credits(18) })
  })

  it('does not keep a worse provider before the configured one, however cheap', () => {
    const worse = createCatalog([
      adapter('openai', [offer('gpt-4o', 0.85, 500)]),
      adapter('anthropic', [offer('sonnet', 0.8, 600)]),
    ])
    expect(order(of({ catalog: worse }))).toEqual(['gpt-4o', 'sonnet'])
  })

  it('makes its provider the cheapest, or near the best', () => {
    const by = (strategy: 'lowest_cost' | 'balanced') => of({ configuration: { ...configured, strategy, exploration: 0 } })
    expect(order(by('lowest_cost'))).toEqual(['sonnet', 'gpt-4o'])
    expect(order(by('balanced'))).toEqual(['sonnet', 'gpt-4o'])
  })

  it('does not pay when little is cached', () => {
    const little = request({ session: { ...session, cachedInput: quantity(10) } })
    expect(order(of({ request: little }))).toEqual(['gpt-4o', 'sonnet'])
    expect(explainRoute(of({ request: little }))[2]).toContain('10 tokens of its cache; 8.92')
  })

  it('counts no more as cached than is sent', () => {
    const long = request({ session: { ...session, cachedInput: quantity(5_000) } })
    expect(of({ request: long }).candidates[0]).toMatchObject({ chargeExpected: credits(1), cachedInput: quantity(1_000) })
  })

  it.each([
    ['is over', { now: 2_000 }],
    ['is with another adapter', { request: request({ session: { ...session, adapter: 'elsewhere' } }) }],
    ['is with another model', { request: request({ session: { ...session, model: 'elder' } }) }],
    ['has nothing cached', { request: request({ session: { ...session, cachedInput: quantity(0) } }) }],
    [
      'is with a provider without a price for what is cached',
      { request: request({ session: { ...session, provider: 'gpt-4o-mini' } }) },
    ],
  ])('changes nothing when it %s', (_, overrides) => {
    const offers = [offer('gpt-4o', 0.85, 500), offer('gpt-4o-mini', 0.85, 500)]
    const wider = createCatalog([adapter('openai', offers), adapter('anthropic', [offer('sonnet', 0.9, 600)])])
    const route = of({ catalog: wider, ...overrides })
    expect(order(route)[0]).toBe('gpt-4o')
    expect(route.session).toBeUndefined()
  })

  it('changes nothing where what is cached is dearer', () => {
    const dear: typeof prices = {
      predict: (_, quantities) => ({ charge: credits(quantities.some(({ meter }) => meter === 'cached_input') ? 9 : 8) }),
    }
    expect(of({ prices: dear }).session).toBeUndefined()
    expect(of({ prices: dear }).candidates.map(({ chargeExpected }) => chargeExpected)).toEqual([credits(8), credits(8)])
  })

  it('without a clock is taken to last', () => {
    expect(order(of({ now: undefined }))[0]).toBe('sonnet')
  })

  it('never overrides health, nor where accuracy comes first', () => {
    expect(order(of({ health: health({ sonnet: { condition: 'sick' } }) }))[0]).toBe('gpt-4o')
    expect(order(of({ configuration: { ...configured, accuracyFirst: true } }))[0]).toBe('gpt-4o')
  })

  it('is not explored away from', () => {
    const exploring = { ...configured, strategy: 'balanced' as const, exploration: 1 }
    const route = of({ configuration: exploring, random: () => 0.99, health: health({ sonnet: { samples: 9 } }) })
    expect(order(route)[0]).toBe('sonnet')
    expect(route.exploration).toBeUndefined()
  })

  it('is not explored away from to one that is as cheap and as good', () => {
    const alike = createCatalog([adapter('a', [offer('sonnet', 0.9, 600), offer('gpt-4o-mini', 0.9, 600)])])
    const overrides = {
      catalog: alike,
      configuration: { ...configured, strategy: 'balanced' as const, exploration: 1 },
      random: () => 0,
      health: health({ sonnet: { samples: 9 }, 'gpt-4o-mini': { samples: 1 } }),
    }
    const whole = { ...session, cachedInput: quantity(1_000) }
    const route = of({ ...overrides, random: () => 0.99, request: request({ session: whole }) })
    expect(order(route)[0]).toBe('sonnet')
    expect(route.exploration).toBeUndefined()
  })
})
