import {
  type Credits,
  credits,
  FareboxError,
  type Offer,
  type OfferCapabilities,
  type ProviderAdapter,
  quantity,
  type UsageQuantity,
} from '@farebox/core'
import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { createCatalog } from './catalog.ts'
import type { PricePredictor } from './consider.ts'
import { explainRoute } from './explain-route.ts'
import { createHealth } from './health.ts'
import { type PlanInput, plan } from './plan.ts'
import { presets } from './presets.ts'
import type { Route, RouteRefusal } from './route.ts'
import type { RouteRequest } from './route-request.ts'

const perThousandTokens: Record<string, number> = { 'gpt-4o-mini': 1, 'claude-3-haiku': 1, 'gpt-4o': 8, 'gpt-4': 25 }

class NoPrice extends FareboxError {
  override readonly code = 'PRICE_NOT_FOUND'
}

/** Whole credits by the thousand tokens, rounded up. */
const prices: PricePredictor = {
  predict(offer, quantities) {
    const rate = perThousandTokens[offer.provider]
    if (rate === undefined) throw new NoPrice(`no price for ${offer.provider}`)
    const tokens = quantities.reduce((sum, { quantity }) => sum + quantity, 0n) / 1_000_000n
    return { charge: credits((tokens * BigInt(rate) + 999n) / 1000n) }
  },
}

const chat: OfferCapabilities = { streaming: true, tools: true, images: true, contextTokens: 128_000 }

function offer(provider: string, quality: number, latencyMs: number, capabilities = chat, service = 'gpt'): Offer {
  return { service, provider, model: provider, capabilities, quality, latencyMs }
}

function adapter(name: string, offers: Offer[], facts: Partial<ProviderAdapter> = {}): ProviderAdapter {
  const unused = () => Promise.reject(new Error('planning makes no calls'))
  return {
    name,
    isSimulated: false,
    availability: { status: 'ready' },
    offers,
    chat: unused,
    streamChat: () => {
      throw new Error('planning makes no calls')
    },
    ...facts,
  }
}

const openai = adapter('openai', [offer('gpt-4', 0.95, 900), offer('gpt-4o', 0.85, 500), offer('gpt-4o-mini', 0.6, 300)])
const anthropic = adapter('anthropic', [offer('claude-3-haiku', 0.55, 250)])
const catalog = createCatalog([openai, anthropic])

function tokens(count: number): UsageQuantity[] {
  return [{ meter: 'input', quantity: quantity(count), unit: 'tokens' }]
}

function request(overrides: Partial<RouteRequest> = {}): RouteRequest {
  return { service: 'gpt', operation: 'chat', expected: tokens(1_000), ceiling: tokens(2_000), ...overrides }
}

function planned(overrides: Partial<PlanInput> = {}): Route | RouteRefusal {
  const configuration = presets.balanced({ costOptimization: false })
  return plan({ request: request(), configuration, catalog, prices, affordable: credits(10_000), ...overrides })
}

function order(outcome: Route | RouteRefusal): string[] {
  return outcome.status === 'planned' ? outcome.candidates.map(({ offer }) => offer.provider) : [`refused: ${outcome.reason}`]
}

function rejections(outcome: Route | RouteRefusal): Record<string, string> {
  return Object.fromEntries(outcome.rejected.map(({ offer, reason }) => [offer.provider, reason]))
}

test('what is held for a call of a known length covers one that ends sooner and is dearer for it, and is measured once', () => {
  const usage = tokens(1_000)
  let measured = 0
  const usageOf = () => {
    measured += 1
    return { expected: usage, ceiling: usage }
  }
  const falling = { ...prices, predictMost: () => credits(30) }
  const route = planned({ prices: falling, request: request({ ...usageOf(), usageOf, provider: 'gpt-4o-mini' }) }) as Route
  expect(route.candidates).toMatchObject([{ chargeExpected: credits(1), chargeCeiling: credits(30) }])
  expect(measured).toBe(2)
})

describe('the order of candidates', () => {
  test('is the configured model, its fallback, then other offers', () => {
    expect(order(planned()).slice(0, 2)).toEqual(['gpt-4o-mini', 'claude-3-haiku'])
    expect(order(planned())).toHaveLength(4)
  })

  test('has only what is configured when there is to be no last resort', () => {
    expect(order(planned({ configuration: presets.balanced({ lastResort: false }) }))).toEqual(['gpt-4o-mini', 'claude-3-haiku'])
  })

  test('begins with the cheapest for low complexity under cost optimization, and only then', () => {
    const configuration = presets.premiumQuality({ costOptimization: true })
    expect(order(planned({ configuration, request: request({ complexity: 'low' }) }))[0]).toBe('gpt-4o-mini')
    expect(order(planned({ configuration, request: request({ complexity: 'high' }) }))[0]).toBe('gpt-4')
    expect(order(planned({ configuration: presets.premiumQuality(), request: request({ complexity: 'low' }) }))[0]).toBe('gpt-4')
  })

  test('begins with the premium provider that fits the limit for high accuracy, whatever is configured', () => {
    const configuration = presets.costOptimized({ maxCreditsPerRequest: credits(40) })
    expect(order(planned({ configuration, request: request({ accuracy: 'high', complexity: 'low' }) }))[0]).toBe('gpt-4o')
    expect(order(planned({ request: request({ accuracy: 'high' }) }))[0]).toBe('gpt-4')
  })

  test('follows the strategy', () => {
    const first = (strategy: 'lowest_cost' | 'lowest_latency' | 'highest_quality') =>
      order(planned({ configuration: presets.premiumQuality({ strategy }) }))[0]
    expect(first('lowest_cost')).toBe('gpt-4o-mini')
    expect(first('lowest_latency')).toBe('claude-3-haiku')
    expect(first('highest_quality')).toBe('gpt-4')
  })

  test('follows measured latency once there is one', () => {
    const health = createHealth({ clock: () => 0 })
    const slow = catalog.forService('gpt').find((entry) => entry.offer.provider === 'claude-3-haiku')
    health.record(slow?.healthKey ?? '', { outcome: 'succeeded', latencyMs: 9_000, isStream: false })
    const configuration = presets.balanced({ strategy: 'lowest_latency' })
    expect(order(planned({ configuration, health })).at(-1)).toBe('claude-3-haiku')
  })

  test('gives one that was too slow another chance when that is long ago', () => {
    let now = 0
    const health = createHealth({ clock: () => now })
    const [slow] = createCatalog([anthropic]).forService('gpt')
    health.record(slow?.healthKey ?? '', { outcome: 'succeeded', latencyMs: 9_000, isStream: false })
    const only = { configuration: presets.balanced({ latencyMsMax: 500 }), catalog: createCatalog([anthropic]), health }
    expect(planned(only)).toMatchObject({ status: 'refused', reason: 'capability' })
    now += 120_000
    expect(order(planned(only))).toEqual(['claude-3-haiku'])
  })

  test('gives one whose answers were too slow another chance, although its streams go on', () => {
    let now = 0
    const health = createHealth({ clock: () => now })
    const [slow] = createCatalog([anthropic]).forService('gpt')
    const healthKey = slow?.healthKey ?? ''
    health.record(healthKey, { outcome: 'succeeded', latencyMs: 9_000, isStream: false })
    for (let passed = 0; passed < 12; passed += 1) {
      now += 10_000
      health.record(healthKey, { outcome: 'answering', latencyMs: 100 })
      health.record(healthKey, { outcome: 'succeeded', isStream: true })
    }
    const only = { configuration: presets.balanced({ latencyMsMax: 500 }), catalog: createCatalog([anthropic]), health }
    expect(order(planned(only))).toEqual(['claude-3-haiku'])
    expect(health.tell(0)).toEqual([expect.objectContaining({ answerMs: undefined, firstEventMs: 100 })])
  })

  test('is drawn in proportion to the weights', () => {
    const configuration = presets.balanced({ strategy: 'weighted', weights: { 'gpt-4o': 3, 'gpt-4': 1 } })
    let seed = 7
    const random = () => {
      seed = (seed * 48_271) % 2_147_483_647
      return seed / 2_147_483_647
    }
    let first = 0
    for (let i = 0; i < 4_000; i += 1) if (order(planned({ configuration, random }))[0] === 'gpt-4o') first += 1
    expect(first / 4_000).toBeCloseTo(0.75, 1)
    expect(order(planned({ configuration }))).toEqual(['gpt-4o', 'gpt-4', 'gpt-4o-mini', 'claude-3-haiku'])
  })

  test('is drawn by weight also where the lowest number is drawn, and gives nobody without a weight a turn', () => {
    const configuration = presets.balanced({ strategy: 'weighted', weights: { 'gpt-4o-mini': 0, 'gpt-4': 1, 'gpt-4o': 3 } })
    expect(order(planned({ configuration, random: () => 0 }))).toEqual(['gpt-4o', 'gpt-4', 'gpt-4o-mini', 'claude-3-haiku'])
  })

  test('gives a provider that two adapters sell the share of its weight, and not twice that', () => {
    const configuration = presets.balanced({ strategy: 'weighted', weights: { 'gpt-4o-mini': 1, 'claude-3-haiku': 1 } })
    const second = adapter('second', [offer('gpt-4o-mini', 0.6, 300)])
    const twins = createCatalog([openai, second, anthropic])
    /** The share of `gpt-4o-mini`, over a grid of all that can be drawn. */
    const shareOf = (health?: PlanInput['health']) => {
      let first = 0
      for (let drawn = 0; drawn < 8_000; drawn += 1) {
        const draws = [drawn % 20, Math.floor(drawn / 20) % 20, Math.floor(drawn / 400)].map((draw) => (draw + 0.5) / 20)
        const outcome = planned({ configuration, catalog: twins, health, random: () => draws.shift() ?? 0.5 })
        if (order(outcome)[0] === 'gpt-4o-mini') first += 1
      }
      return first / 8_000
    }
    expect(shareOf()).toBeCloseTo(0.5, 1)
    const sick = { read: () => ({ condition: 'sick' as const, answerMs: undefined, firstEventMs: undefined }) }
    expect(shareOf({ read: (key) => (key.includes('second') ? sick.read() : undefined) })).toBeCloseTo(0.5, 1)
    expect(
      order(planned({ configuration: { ...configuration, weights: { 'gpt-4o-mini': 3, 'gpt-4': 2 } }, catalog: twins }))[0],
    ).toBe('gpt-4o-mini')
  })

  test('puts a real provider before a simulated one of the same name, in adapter order', () => {
    const simulated = adapter('simulated', [offer('gpt-4o-mini', 0.6, 1)], { isSimulated: true })
    const second = adapter('second', [offer('gpt-4o-mini', 0.6, 300)])
    const outcome = planned({ catalog: createCatalog([simulated, openai, second]) })
    const names = outcome.status === 'planned' ? outcome.candidates.map(({ adapter }) => adapter.name) : []
    expect(names.slice(0, 3)).toEqual(['openai', 'second', 'simulated'])
  })

  test('never prefers a simulated provider to the real one of its name, however fast it is', () => {
    const simulated = adapter('simulated', [offer('gpt-4o-mini', 0.6, 0), offer('claude-3-haiku', 0.5, 0)], { isSimulated: true })
    const configuration = presets.balanced({ strategy: 'lowest_latency' })
    const outcome = planned({ configuration, catalog: createCatalog([simulated, openai]) })
    const names =
      outcome.status === 'planned' ? outcome.candidates.map(({ adapter, offer }) => `${adapter.name} ${offer.provider}`) : []
    expect(names.slice(0, 3)).toEqual(['openai gpt-4o-mini', 'simulated claude-3-haiku', 'simulated gpt-4o-mini'])
  })

  test('leaves a real provider that fails behind a simulated one of its name', () => {
    const simulated = adapter('simulated', [offer('gpt-4o-mini', 0.6, 1)], { isSimulated: true })
    const real = adapter('openai', [offer('gpt-4o-mini', 0.6, 300)])
    const health = createHealth()
    const [failing] = createCatalog([real]).forService('gpt')
    for (let times = 0; times < 4; times += 1) {
      health.begin(failing?.healthKey ?? '')
      health.record(failing?.healthKey ?? '', { outcome: 'failed', kind: 'unavailable', tookMs: 1 })
    }
    const outcome = planned({ health, catalog: createCatalog([real, simulated]) })
    const names = outcome.status === 'planned' ? outcome.candidates.map(({ adapter }) => adapter.name) : []
    expect(names).toEqual(['simulated', 'openai'])
  })

  test('moves the ill behind the well, and keeps the last one', () => {
    const health = { read: () => ({ condition: 'sick' as const, answerMs: undefined, firstEventMs: undefined }) }
    expect(order(planned({ health }))[0]).toBe('gpt-4o-mini')
    expect(explainRoute(planned({ health }))[1]).toContain('gpt-4o-mini (openai): configured first, but failing;')
    const onlyMini = { read: (key: string) => (key.includes('mini') ? health.read() : undefined) }
    expect(order(planned({ health: onlyMini }))[0]).toBe('claude-3-haiku')
    expect(order(planned({ health: onlyMini })).at(-1)).toBe('gpt-4o-mini')
  })
})

describe('what is left out', () => {
  test('a provider without a key, so that traffic falls back', () => {
    const disabled = adapter('openai', [...openai.offers], {
      availability: { status: 'disabled', reason: 'OPENAI_API_KEY is empty' },
    })
    const outcome = planned({ catalog: createCatalog([disabled, anthropic]) })
    expect(order(outcome)).toEqual(['claude-3-haiku'])
    expect(explainRoute(outcome)).toContain('not gpt-4o-mini: provider_disabled, OPENAI_API_KEY is empty')
  })

  test('everybody but the provider that the caller asks for', () => {
    expect(order(planned({ request: request({ provider: 'gpt-4' }) }))).toEqual(['gpt-4'])
    const unknown = planned({ request: request({ provider: 'gpt-9' }) })
    expect(unknown).toMatchObject({ status: 'refused', reason: 'no_provider' })
    expect(explainRoute(unknown)[0]).toContain('offered are gpt-4, gpt-4o, gpt-4o-mini, claude-3-haiku')
  })

  test('providers that the caller excludes', () => {
    expect(rejections(planned({ request: request({ excludes: ['gpt-4o-mini'] }) }))).toEqual({ 'gpt-4o-mini': 'excluded' })
  })

  test('offers that cannot do what is needed', () => {
    const small = adapter('small', [
      offer('gpt-4', 1, 1, { ...chat, tools: false }),
      offer('gpt-4o', 1, 1, { ...chat, images: false }),
      offer('gpt-4o-mini', 1, 1, { ...chat, contextTokens: 4_000 }),
      offer('claude-3-haiku', 1, 1, { ...chat, streaming: false }),
    ])
    const needs = { streaming: true, tools: true, images: true, contextTokens: 5_000 }
    const outcome = planned({ catalog: createCatalog([small]), request: request({ needs }) })
    expect(outcome).toMatchObject({ status: 'refused', reason: 'capability' })
    expect(Object.values(rejections(outcome))).toEqual(Array(4).fill('capability'))
  })

  test('an adapter that lacks the operation', () => {
    expect(order(planned({ request: request({ operation: 'transcribe' }) }))).toEqual(['refused: capability'])
  })

  test('an offer without a price, which is never free', () => {
    const outcome = planned({ catalog: createCatalog([adapter('new', [offer('gpt-5', 1, 1)]), openai]) })
    expect(rejections(outcome)['gpt-5']).toBe('price_not_found')
    expect(order(planned({ catalog: createCatalog([adapter('new', [offer('gpt-5', 1, 1)])]) }))).toEqual([
      'refused: price_not_found',
    ])
  })

  test('an error of the price book that is not a missing price is not hidden', () => {
    const broken = {
      predict: () => {
        throw new Error('the book is torn')
      },
    }
    expect(() => planned({ prices: broken })).toThrow('the book is torn')
  })
})

describe('money', () => {
  test('the hold is the dearest ceiling of the chain', () => {
    const outcome = planned()
    expect(outcome.status === 'planned' && outcome.hold).toBe(credits(50))
  })

  test('the hold covers usage on top of the ceiling, also of a call whose length is known, where that has a price', () => {
    const usage = tokens(1_000)
    const ceilingIfPriced: UsageQuantity[] = [{ meter: 'web_searches', quantity: quantity(9_000), unit: 'requests' }]
    const asked = request({ expected: usage, ceiling: usage, ceilingIfPriced, provider: 'gpt-4o-mini' })
    expect(planned({ request: asked })).toMatchObject({ candidates: [{ chargeExpected: credits(1) }], hold: credits(10) })
    const tokensOnly: PricePredictor = {
      predict(offer, quantities) {
        if (quantities.some(({ unit }) => unit !== 'tokens')) throw new NoPrice('no price for searches')
        return prices.predict(offer, quantities)
      },
    }
    expect(planned({ request: asked, prices: tokensOnly })).toMatchObject({ hold: credits(1) })
  })

  test('over the limit, a cheaper candidate takes the place of the configured one', () => {
    const outcome = planned({ configuration: presets.premiumQuality({ maxCreditsPerRequest: credits(20) }) })
    expect(order(outcome)[0]).toBe('gpt-4o')
    expect(rejections(outcome)).toEqual({ 'gpt-4': 'over_request_limit' })
  })

  test('over the balance, too', () => {
    expect(order(planned({ configuration: presets.premiumQuality(), affordable: credits(2) })).sort()).toEqual([
      'claude-3-haiku',
      'gpt-4o-mini',
    ])
  })

  test('when nothing fits the limit, the refusal names the cheapest charge and the limit', () => {
    const outcome = planned({ configuration: presets.balanced({ maxCreditsPerRequest: credits(1) }) })
    expect(outcome).toMatchObject({ status: 'refused', reason: 'over_request_limit', needed: credits(2), limit: credits(1) })
    expect(explainRoute(outcome)[0]).toBe('gpt chat refused: gpt may cost 2 credits, a request may cost 1')
  })

  test('when nothing fits the balance, the refusal names what is needed and what there is', () => {
    expect(planned({ affordable: credits('1.5') })).toMatchObject({
      reason: 'insufficient_credits',
      needed: credits(2),
      available: credits('1.5'),
    })
  })

  test('the balance decides the refusal when the limit would leave somebody', () => {
    const configuration = presets.balanced({ maxCreditsPerRequest: credits(20) })
    expect(planned({ configuration, affordable: credits(0) })).toMatchObject({
      reason: 'insufficient_credits',
      needed: credits(2),
    })
  })

  test('an emergency is never given to a cheaper model', () => {
    const configuration = presets.emergencyServices({ costOptimization: true, complexity: 'low' })
    expect(order(planned({ configuration }))[0]).toBe('gpt-4o')
    expect(planned({ configuration, affordable: credits(10) })).toMatchObject({
      reason: 'insufficient_credits',
      needed: credits(16),
    })
  })

  test('an emergency falls back when its model has no key, and then takes what there is', () => {
    const outcome = planned({
      configuration: presets.emergencyServices(),
      request: request({ excludes: ['gpt-4o', 'gpt-4'] }),
      affordable: credits(5),
    })
    expect(order(outcome)).toEqual(['gpt-4o-mini', 'claude-3-haiku'])
  })
})

describe('what the configuration disables', () => {
  test.each([
    ['voice_tts', 'speak', { voiceEnabled: false }],
    ['voice_stt', 'transcribe', { voiceEnabled: false }],
    ['phone', 'call', { phoneEnabled: false }],
    ['vision', 'see', { visionEnabled: false }],
  ] as const)('%s is refused, whatever is on offer', (service, operation, overrides) => {
    const outcome = planned({ configuration: presets.balanced(overrides), request: request({ service, operation }) })
    expect(outcome).toMatchObject({ status: 'refused', reason: 'service_disabled' })
  })

  test('images in a chat count as vision', () => {
    const outcome = planned({
      configuration: presets.balanced({ visionEnabled: false }),
      request: request({ needs: { images: true } }),
    })
    expect(outcome).toMatchObject({ reason: 'service_disabled' })
  })

  test('so does a question about images, of whichever service, and goes to who sees them', () => {
    const seeing = request({ operation: 'see' })
    const blind = { ...offer('gpt-4o-mini', 0.6, 300), capabilities: { ...chat, images: false } }
    const outcome = planned({ configuration: presets.balanced({ visionEnabled: false }), request: seeing })
    expect(outcome).toMatchObject({ reason: 'service_disabled', message: 'the configuration does not enable vision' })
    expect(order(planned({ request: seeing, catalog: createCatalog([adapter('openai', [blind]), anthropic]) }))).toEqual([
      'claude-3-haiku',
    ])
  })

  test('a service that nobody offers has no provider', () => {
    expect(order(planned({ request: request({ service: 'constructor' }) }))).toEqual(['refused: no_provider'])
  })
})

test('a route says who was configured but is not offered', () => {
  const outcome = planned({ configuration: presets.balanced({ fallbackAiModel: 'claude-9' }) })
  expect(explainRoute(outcome)).toContain('not claude-9: configured, but no adapter offers it')
})

const anyInput = fc.record({
  strategy: fc.constantFrom('configured', 'lowest_cost', 'lowest_latency', 'highest_quality', 'weighted', 'balanced'),
  limit: fc.option(fc.nat(120)),
  affordable: fc.nat(120),
  costOptimization: fc.boolean(),
  accuracyFirst: fc.boolean(),
  complexity: fc.constantFrom('low', 'medium', 'high'),
  ceiling: fc.nat(5_000),
  offers: fc.uniqueArray(
    fc.record({
      provider: fc.constantFrom(...Object.keys(perThousandTokens), 'gpt-5'),
      quality: fc.double({ min: 0, max: 1, noNaN: true }),
    }),
    { selector: ({ provider }) => provider },
  ),
} as const)

function planFor(value: typeof anyInput extends fc.Arbitrary<infer T> ? T : never) {
  const { strategy, limit, costOptimization, accuracyFirst } = value
  return planned({
    catalog: createCatalog([
      adapter(
        'any',
        value.offers.map(({ provider, quality }) => offer(provider, quality, 100)),
      ),
    ]),
    configuration: presets.balanced({
      strategy,
      costOptimization,
      accuracyFirst,
      maxCreditsPerRequest: limit === null ? null : credits(limit),
    }),
    affordable: credits(value.affordable),
    request: request({ complexity: value.complexity, ceiling: tokens(value.ceiling) }),
  })
}

test('no candidate is over the limit or what is affordable, and the hold covers each and is affordable', () => {
  fc.assert(
    fc.property(anyInput, (value) => {
      const outcome = planFor(value)
      if (outcome.status === 'refused') return
      const most = credits(Math.min(value.affordable, value.limit ?? Number.MAX_SAFE_INTEGER))
      expect(outcome.hold <= most).toBe(true)
      for (const { chargeCeiling, chargeExpected } of outcome.candidates) {
        expect(chargeCeiling <= outcome.hold && chargeExpected <= chargeCeiling).toBe(true)
      }
    }),
  )
})

test('every offer is either a candidate or rejected with a reason, once, unless the first choice was kept', () => {
  fc.assert(
    fc.property(anyInput, (value) => {
      const outcome = planFor({ ...value, accuracyFirst: false })
      expect(
        [...(outcome.status === 'planned' ? order(outcome) : []), ...outcome.rejected.map(({ offer }) => offer.provider)].sort(),
      ).toEqual(value.offers.map(({ provider }) => provider).sort())
    }),
  )
})

test('the same inputs give the same route', () => {
  fc.assert(
    fc.property(anyInput, (value) => {
      expect(explainRoute(planFor(value))).toEqual(explainRoute(planFor(value)))
    }),
  )
})

test('a refusal for money names an amount that would have been enough', () => {
  fc.assert(
    fc.property(anyInput, (value) => {
      const outcome = planFor(value)
      if (outcome.status === 'planned' || outcome.needed === undefined) return
      const needed: Credits = outcome.needed
      const again =
        outcome.reason === 'insufficient_credits'
          ? { ...value, affordable: Number(needed / 1_000_000n) }
          : { ...value, limit: Number(needed / 1_000_000n), affordable: 1_000_000 }
      expect(planFor(again).status).toBe('planned')
    }),
  )
})
