import { CREDITS_MAX, credits, microCredits, quantity } from '@farebox/core'
import { MaximumChargeError } from '@farebox/pricing'
import {
  chatFeatures,
  createCatalog,
  type DecisionRecord,
  decisionRecord,
  explainRoute,
  type PlanInput,
  packDecision,
  plan,
  presets,
  replayDecision,
  unpackDecision,
} from '@farebox/router'
import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { adapter, catalog, dice, health, inputOf, offer, prices, request } from './plan-parts.ts'

const at = 1_764_000_000_000

function decided(overrides: Partial<PlanInput> = {}): DecisionRecord {
  const input = inputOf(overrides)
  return decisionRecord(plan(input), input, { at, priceVersion: '2026-11' })
}

/** As it is after it was kept: packed, JSON and back. */
function recorded(overrides: Partial<PlanInput> = {}): DecisionRecord {
  const record = unpackDecision(JSON.parse(JSON.stringify(packDecision(decided(overrides)))))
  if (!record) throw new Error('what was packed cannot be read')
  return record
}

const busy: Partial<PlanInput> = {
  configuration: presets.balanced({
    strategy: 'balanced',
    complexity: 'auto',
    exploration: 1,
    conditions: [{ when: { tier: 'free' }, use: { primaryAiModel: 'gpt-4o', maxCreditsPerRequest: credits(20) } }],
  }),
  health: health({
    'gpt-4o-mini': { samples: 12, errorRate: 0.02, answerMs: 512.3456 },
    'claude-3-haiku': { condition: 'rate_limited' },
  }),
  request: request({
    metadata: { tier: 'free', customer: 'secret' },
    features: () => chatFeatures([{ role: 'user', content: 'Why is my secret order late?' }]),
    excludes: ['sonnet'],
  }),
  random: dice(5),
}

describe('a decision record', () => {
  it('of a route says who was considered, with what, and why', () => {
    expect(recorded(busy)).toMatchObject({
      version: 1,
      service: 'gpt',
      outcome: 'planned',
      strategy: 'balanced',
      affordable: '10000',
      at,
      priceVersion: '2026-11',
      request: { expected: ['1000 tokens input'], most: ['2000 tokens input'], metadata: { tier: 'free' } },
      configuration: { differs: { primary_ai_model: 'gpt-4o', max_credits_per_request: 20 }, conditions: [0] },
      complexity: { value: 'medium', by: 'classifier', contributions: { reasoningWords: [1, 0.05, 0.05] } },
      rejected: [
        { provider: 'sonnet', reason: 'excluded' },
        { provider: 'gpt-4', reason: 'over_request_limit', charge: '50' },
      ],
      draws: [expect.any(Number)],
    })
  })

  it('is JSON of at most two kilobytes, and a few hundred bytes where little happened', () => {
    expect(JSON.stringify(recorded(busy)).length).toBeLessThan(2_048)
    const simple = recorded({ catalog: createCatalog([adapter('openai', [offer('gpt-4o-mini', 0.6, 300)])]) })
    expect(JSON.stringify(simple).length).toBeLessThan(700)
    const crowd = createCatalog([
      adapter(
        'many',
        Array.from({ length: 60 }, (_, index) => offer(`model-${index}`, 0.5, 300)),
      ),
    ])
    const flat = { predict: () => ({ charge: credits(1) }) }
    const many = recorded({
      catalog: crowd,
      prices: flat,
      request: request({ excludes: Array.from({ length: 30 }, (_, i) => `model-${i}`) }),
    })
    expect([many.candidates.length, many.candidatesOmitted, many.rejected.length, many.rejectedOmitted]).toEqual([8, 22, 8, 22])
    expect(JSON.stringify(many).length).toBeLessThan(4_096)
  })

  it('holds no text, no metadata beyond what conditions look at, and of telephone numbers their beginning', () => {
    const text = JSON.stringify(recorded({ ...busy, request: request({ ...busy.request, numbers: { to: '+15551234567' } }) }))
    expect(text).not.toContain('secret')
    expect(text).not.toContain('1234567')
    expect(text).toContain('+155512')
  })

  it('is explained in the lines of the route or refusal that it records', () => {
    const refused: Partial<PlanInput> = { affordable: credits('0.5') }
    for (const overrides of [
      {},
      refused,
      { configuration: presets.balanced({ fallbackAiModel: 'claude-9', lastResort: false }) },
    ]) {
      expect(explainRoute(recorded(overrides))).toEqual(explainRoute(plan(inputOf(overrides))))
    }
    expect(explainRoute(recorded({ ...busy, random: dice(5) }))).toEqual(
      explainRoute(plan(inputOf({ ...busy, random: dice(5) }))),
    )
  })

  it('tells configurations apart, and not by the order of their fields', () => {
    const digest = (configuration: PlanInput['configuration']) => recorded({ configuration }).configuration.digest
    expect(digest(presets.balanced())).toMatch(/^[0-9a-f]{16}$/)
    expect(digest(presets.balanced({ weights: { a: 1, b: 2 } }))).toBe(digest(presets.balanced({ weights: { b: 2, a: 1 } })))
    expect(digest(presets.balanced())).not.toBe(digest(presets.balanced({ exploration: 0.02 })))
  })
})

describe('a packed decision', () => {
  const strategy = fc.constantFrom('configured', 'lowest_cost', 'lowest_latency', 'weighted', 'balanced')
  const cases = fc.record({
    strategy,
    seed: fc.integer({ min: 1, max: 1e6 }),
    affordable: fc.option(fc.nat(60), { nil: undefined }),
    asked: fc.constantFrom(undefined, 'gpt-4o', 'gpt-9'),
    excludes: fc.subarray(['gpt-4o', 'gpt-4', 'sonnet', 'claude-3-haiku']),
    ownUsage: fc.subarray(['gpt-4o', 'gpt-4', 'gpt-4o-mini']),
    maxCreditsPerRequest: fc.constantFrom(2, 20, 1_000),
  })

  it('is the same record when it is unpacked, whatever was decided', () => {
    fc.assert(
      fc.property(cases, ({ strategy, seed, affordable, asked, excludes, ownUsage, maxCreditsPerRequest }) => {
        const tokens = (count: number) => [{ meter: 'input', quantity: quantity(count), unit: 'tokens' as const }]
        const overrides: Partial<PlanInput> = {
          ...busy,
          configuration: presets.balanced({ strategy, maxCreditsPerRequest: credits(maxCreditsPerRequest) }),
          affordable: affordable === undefined ? CREDITS_MAX : credits(affordable),
          random: dice(seed),
          request: request({
            provider: asked,
            excludes,
            usageOf: ({ provider }) =>
              ownUsage.includes(provider)
                ? { expected: tokens(900), ceiling: tokens(1_800) }
                : { expected: tokens(1_000), ceiling: tokens(2_000) },
          }),
        }
        const record = JSON.parse(JSON.stringify(decided({ ...overrides, random: dice(seed) })))
        expect(recorded({ ...overrides, random: dice(seed) })).toEqual(record)
      }),
    )
  })

  it('has all that the most of a call depends on: by which other meters it may be counted, and what may come on top', () => {
    const tokens = (meter: string, count: number) => [{ meter, quantity: quantity(count), unit: 'tokens' as const }]
    const [kept, own] = [{ input: ['cache_write'] }, { input: ['cached_input'] }]
    const usage = { expected: tokens('input', 1_000), ceiling: tokens('input', 2_000), otherMeters: kept }
    const owned = { ...usage, otherMeters: own }
    const looked: string[] = []
    const input = inputOf({
      request: request({
        ...usage,
        ceilingIfPriced: tokens('web_searches', 5),
        usageOf: ({ provider }) => (provider === 'claude-3-haiku' ? owned : provider === 'sonnet' ? { ...owned } : usage),
      }),
      prices: {
        predict: prices.predict,
        predictMost({ provider }, most, _, otherMeters) {
          looked.push(`${provider} ${JSON.stringify(otherMeters)} ${most.map(({ meter }) => meter)}`)
          return credits(most.length + (otherMeters?.input?.[0]?.length ?? 0))
        },
      },
    })
    const record = decisionRecord(plan(input), input, { at })
    const told = looked.splice(0)
    expect(told).toContain('sonnet {"input":["cached_input"]} input,web_searches')
    const read = unpackDecision(JSON.parse(JSON.stringify(packDecision(record)))) as DecisionRecord
    expect(read).toEqual(JSON.parse(JSON.stringify(record)))
    expect(replayDecision(read).diff).toEqual([])
    expect(replayDecision(read, { catalog, prices: input.prices }).diff).toEqual([])
    expect(looked).toEqual(told)
  })

  it('has the usage of each model, however little that differs from those of others', () => {
    const tokens = (count: number) => [{ meter: 'input', quantity: quantity(count), unit: 'tokens' as const }]
    const usage = fc.record({
      expected: fc.constantFrom(tokens(900), tokens(1_000)),
      ceiling: fc.constantFrom(tokens(1_800), tokens(2_000)),
      otherMeters: fc.constantFrom(undefined, { input: ['cache_write'] }, { input: ['cached_input'] }),
    })
    const names = ['gpt-4', 'gpt-4o', 'gpt-4o-mini', 'claude-3-haiku', 'sonnet']
    const usages = fc.tuple(usage, usage, usage, usage, usage, usage)
    fc.assert(
      fc.property(usages, fc.constantFrom(2, 20, 1_000), ([whole, ...own], limit) => {
        const overrides: Partial<PlanInput> = {
          configuration: presets.balanced({ maxCreditsPerRequest: credits(limit) }),
          request: request({ ...whole, usageOf: ({ provider }) => own[names.indexOf(provider)] ?? whole }),
        }
        expect(recorded(overrides)).toEqual(JSON.parse(JSON.stringify(decided(overrides))))
      }),
    )
  })

  it('tells who is simulated, of those that were too dear too', () => {
    const sellers = createCatalog([
      adapter('pretending', [offer('gpt-4o-mini', 0.6, 300)], true),
      adapter('openai', [offer('gpt-4o', 0.8, 300)]),
    ])
    for (const affordable of [credits(100), credits(1)]) {
      const record = recorded({ catalog: sellers, affordable, configuration: presets.balanced({ strategy: 'lowest_cost' }) })
      const known = [...record.candidates, ...record.rejected]
      expect(known.map(({ provider, isSimulated }) => [provider, isSimulated])).toContainEqual(['gpt-4o-mini', true])
      expect(replayDecision(record)).toMatchObject({ isSame: true, diff: [] })
    }
  })

  it('takes two thirds to four fifths of the room', () => {
    const record = decided(busy)
    expect(JSON.stringify(packDecision(record)).length).toBeLessThan(JSON.stringify(record).length * 0.8)
    const simple = decided({ affordable: CREDITS_MAX })
    expect(JSON.stringify(packDecision(simple)).length).toBeLessThan(JSON.stringify(simple).length * 0.67)
  })

  it('is read as it is where it was never packed, and not at all where it is something else', () => {
    const record = decided()
    expect(unpackDecision(record)).toBe(record)
    const packed = packDecision(record)
    for (const other of [
      undefined,
      null,
      'text',
      {},
      { ...packed, version: 3 },
      { ...packed, candidates: [5] },
      { version: 2 },
    ]) {
      expect(unpackDecision(other)).toBeUndefined()
    }
    expect(unpackDecision({ ...packed, rejected: 'none' })).toBeUndefined()
  })
})

describe('a replay', () => {
  it('of a record as it is chooses the same', () => {
    const strategy = fc.constantFrom('configured', 'lowest_cost', 'lowest_latency', 'highest_quality', 'weighted', 'balanced')
    const shape = fc.record({
      strategy,
      seed: fc.integer({ min: 1, max: 1e6 }),
      affordable: fc.nat(60),
      exploration: fc.constantFrom(0, 0.5, 1),
    })
    fc.assert(
      fc.property(shape, ({ seed, affordable, ...own }) => {
        const configuration = presets.balanced({ ...own, weights: { 'gpt-4o': 3, 'gpt-4': 2, sonnet: 1 } })
        const record = recorded({
          ...busy,
          configuration,
          affordable: credits(affordable),
          random: dice(seed),
          request: request(),
        })
        const replayed = replayDecision(record)
        expect(replayed).toMatchObject({ isSame: true, diff: [] })
        expect(replayed.record.candidates).toEqual(record.candidates)
      }),
    )
  })

  it('knows the health and the charge of those that were too dear, since all others are scored beside them', () => {
    const readings = fc.record({
      answerMs: fc.option(fc.integer({ min: 10, max: 2_000 }), { nil: undefined }),
      errorRate: fc.constantFrom(0, 0.25, 0.5),
      rateLimitedRate: fc.constantFrom(0, 0.5),
      condition: fc.constantFrom('ok', 'rate_limited', 'sick'),
    })
    const names = ['gpt-4', 'gpt-4o', 'gpt-4o-mini', 'claude-3-haiku', 'sonnet']
    const shape = fc.record({
      strategy: fc.constantFrom('configured', 'weighted', 'balanced', 'lowest_latency'),
      seed: fc.integer({ min: 1, max: 1e6 }),
      affordable: fc.nat(60),
      maxCreditsPerRequest: fc.constantFrom(2, 20, 1_000),
      costOptimization: fc.boolean(),
      measured: fc.tuple(readings, readings, readings, readings, readings),
      ownUsage: fc.subarray(names),
    })
    const tokens = (count: number) => [{ meter: 'input', quantity: quantity(count), unit: 'tokens' as const }]
    const [expected, ceiling] = [tokens(100), tokens(2_000)]
    fc.assert(
      fc.property(shape, ({ seed, affordable, measured, maxCreditsPerRequest, ownUsage, ...own }) => {
        const record = recorded({
          configuration: presets.balanced({
            ...own,
            maxCreditsPerRequest: credits(maxCreditsPerRequest),
            weights: { 'gpt-4o': 3, 'gpt-4': 2, sonnet: 1 },
            complexity: 'high',
          }),
          health: health(Object.fromEntries(names.map((name, place) => [name, { samples: 9, ...measured[place] }]))),
          affordable: credits(affordable),
          random: dice(seed),
          // Cheap as expected, and dear at most. Some models count otherwise.
          request: request({
            expected,
            ceiling,
            usageOf: ({ provider }) =>
              ownUsage.includes(provider) ? { expected: tokens(70), ceiling: tokens(2_600) } : { expected, ceiling },
          }),
        })
        for (const replayed of [replayDecision(record), replayDecision(record, { catalog, prices })]) {
          expect(replayed).toMatchObject({ isSame: true, diff: [] })
          expect(replayed.record.candidates.map(({ score }) => score)).toEqual(record.candidates.map(({ score }) => score))
        }
      }),
    )
  })

  it('knows where those that were too dear process data, and keeps them before others that were left out', () => {
    const eu = { regions: ['eu'], serviceLevels: ['hipaa'] }
    const unnamed = Array.from({ length: 12 }, (_, place) => offer(`other-${place}`, 0.5, 200))
    const sellers = createCatalog([
      adapter('far', unnamed),
      adapter('near', [offer('gpt-4', 0.95, 100, eu), offer('gpt-4o', 0.9, 500, eu), offer('gpt-4o-mini', 0.6, 300, eu)]),
    ])
    const input: Partial<PlanInput> = {
      catalog: sellers,
      configuration: presets.balanced({ strategy: 'balanced', dataRegion: 'eu', serviceLevels: ['hipaa'] }),
      affordable: credits(20),
    }
    const record = recorded(input)
    expect(record.rejected).toHaveLength(8)
    expect(record).toMatchObject({ rejectedOmitted: 5, rejected: { 7: { provider: 'gpt-4', reason: 'insufficient_credits' } } })
    for (const replayed of [replayDecision(record), replayDecision(record, { catalog: sellers, prices })]) {
      expect(replayed).toMatchObject({ isSame: true, diff: [] })
      expect(replayed.record.candidates).toEqual(record.candidates)
    }
  })

  it('leaves out again who was measured to be too slow, however fast its offer says it is', () => {
    const others = Array.from({ length: 12 }, (_, place) => offer(`other-${place}`, 0.5, 200, { tools: false }))
    const sellers = createCatalog([
      adapter('far', others),
      adapter('near', [offer('gpt-4', 0.95, 100), offer('gpt-4o-mini', 0.6, 300)]),
    ])
    const input: Partial<PlanInput> = {
      catalog: sellers,
      configuration: presets.balanced({ primaryAiModel: 'gpt-4', latencyMsMax: 1_000 }),
      health: health({ 'gpt-4': { samples: 9, answerMs: 2_500 } }),
      request: request({ needs: { tools: true } }),
    }
    const record = recorded(input)
    expect(record.candidates.map(({ provider }) => provider)).toEqual(['gpt-4o-mini'])
    expect(record.rejected).toContainEqual(expect.objectContaining({ provider: 'gpt-4', reason: 'capability', latencyMs: 2_500 }))
    expect(replayDecision(record, { catalog: sellers, prices })).toMatchObject({ isSame: true, diff: [] })
    const patient = { configuration: presets.balanced({ primaryAiModel: 'gpt-4', latencyMsMax: 3_000 }) }
    const [first] = replayDecision(record, { catalog: sellers, prices, ...patient }).record.candidates
    expect(first).toMatchObject({ provider: 'gpt-4', latencyMs: 2_500 })
  })

  it('keeps no session with a candidate whose charge assumed no cache', () => {
    const session = { provider: 'claude-3-haiku', cachedInput: quantity(900), expiresAt: at + 1_000 }
    const configuration = presets.balanced({ strategy: 'lowest_cost' })
    const record = recorded({ configuration, request: request({ session }), now: at })
    expect(record.session).toBeUndefined()
    expect(record.candidates[0]?.provider).toBe('gpt-4o-mini')
    expect(replayDecision(record)).toMatchObject({ isSame: true, diff: [] })
    expect(replayDecision(record, { prices })).toMatchObject({ isSame: true, diff: [] })
  })

  it('keeps the session with the model that it was with, where its provider has several', () => {
    const models = [offer('sonnet', 0.9, 100), { ...offer('sonnet', 0.9, 100), model: 'sonnet-new' }]
    const sellers = createCatalog([adapter('anthropic', models)])
    const caching: typeof prices = {
      predict({ model }, used) {
        const isCached = used.some(({ meter }) => meter === 'cached_input')
        if (model === 'sonnet') return { charge: credits(isCached ? 3 : 2), cost: undefined }
        return { charge: credits(isCached ? 1 : 10), cost: undefined }
      },
    }
    const session = { provider: 'sonnet', cachedInput: quantity(900), expiresAt: at + 1_000 }
    const configuration = presets.balanced({ primaryAiModel: 'sonnet' })
    const record = recorded({ catalog: sellers, prices: caching, configuration, request: request({ session }), now: at })
    expect(record.candidates.map(({ model, charge }) => [model, charge])).toEqual([
      ['sonnet-new', '1'],
      ['sonnet', '2'],
    ])
    expect(replayDecision(record)).toMatchObject({ isSame: true, diff: [] })
    expect(replayDecision(record, { catalog: sellers, prices: caching })).toMatchObject({ isSame: true, diff: [] })
  })

  it('leaves out again whom the price book itself refuses at such a charge', () => {
    const query = { service: 'gpt', provider: 'gpt-4', at }
    const refusing: typeof prices = {
      predict: (...asked) => {
        if (asked[0].provider !== 'gpt-4') return prices.predict(...asked)
        throw new MaximumChargeError(query, { amount: '50', maximum: '40', currency: 'credits' })
      },
    }
    const record = recorded({ prices: refusing, configuration: presets.balanced({ primaryAiModel: 'gpt-4' }) })
    expect(record.rejected).toMatchObject([{ provider: 'gpt-4', reason: 'over_request_limit', charge: '50' }])
    expect(replayDecision(record)).toMatchObject({ isSame: true, diff: [] })
    expect(replayDecision(record, { catalog, prices: refusing })).toMatchObject({ isSame: true, diff: [] })
  })

  it('of a weighted record that has not all candidates puts those that it has in the order that they had', () => {
    const shape = fc.record({ seed: fc.integer({ min: 1, max: 1e6 }), affordable: fc.constantFrom(2, 100), share: fc.nat(9) })
    fc.assert(
      fc.property(shape, ({ seed, affordable, share }) => {
        const names = Array.from({ length: 12 }, (_, place) => `model-${place}`)
        // Two who sell the same share its weight.
        const sold = [...names, ...names.slice(0, share)].map((name) => offer(name, 0.8, 100))
        const many = createCatalog([adapter('one', sold.slice(0, 12)), adapter('two', sold.slice(12))])
        const weights = Object.fromEntries(names.slice(1).map((name, place) => [name, 1 + (place % 3)]))
        const configuration = presets.balanced({ strategy: 'weighted', weights })
        const flat = { predict: ({ provider }: { provider: string }) => ({ charge: credits(provider === 'model-5' ? 3 : 1) }) }
        const input = { catalog: many, prices: flat, configuration, affordable: credits(affordable), random: dice(seed) }
        const record = recorded({ ...input, health: undefined, request: request() })
        expect(record.candidatesOmitted).toBeGreaterThan(0)
        expect(replayDecision(record)).toMatchObject({ isSame: true, diff: [] })
        expect(replayDecision(record, { catalog: many, prices: flat }).record.candidates).toEqual(record.candidates)
      }),
    )
  })

  it('with another configuration tells what that would have chosen', () => {
    const { isSame, diff, record } = replayDecision(recorded(), {
      configuration: presets.premiumQuality({ strategy: 'lowest_latency' }),
    })
    expect(isSame).toBe(false)
    expect(diff).toEqual([
      'first claude-3-haiku (anthropic) at 1 credits instead of gpt-4o-mini (openai) at 1',
      'by lowest_latency instead of configured',
      expect.stringContaining('in the order claude-3-haiku (anthropic), gpt-4o-mini (openai)'),
    ])
    expect(record.configuration.differs).toMatchObject({ strategy: 'lowest_latency' })
  })

  it('of a decision that was kept before it named live models finds the charge of live sound by its provider', () => {
    const talking = adapter('openai', [{ ...offer('gpt-4o', 0.8, 500), liveModel: 'gpt-4o-live' }])
    const sellers = createCatalog([{ ...talking, converse: talking.streamChat as never }])
    const record = recorded({ catalog: sellers, request: request({ operation: 'converse' }) })
    expect(record.candidates).toMatchObject([{ liveModel: 'gpt-4o-live' }])
    const earlier = { ...record, candidates: record.candidates.map(({ liveModel: _, ...candidate }) => candidate) }
    for (const kept of [record, earlier])
      expect(replayDecision(kept, { catalog: sellers })).toMatchObject({ isSame: true, diff: [] })
  })

  it('tells two models of one provider apart, which one adapter may offer', () => {
    const model = (name: string, latencyMs: number) => ({ ...offer('gpt-4o', 0.8, latencyMs), model: name })
    const two = createCatalog([adapter('openai', [model('may', 500), model('november', 300)])])
    const charging = (may: number, november: number) => ({
      predict: (asked: { model?: string }) => ({ charge: credits(asked.model === 'may' ? may : november) }),
    })
    const record = recorded({
      catalog: two,
      prices: charging(2, 3),
      configuration: presets.balanced({ strategy: 'lowest_cost' }),
    })
    expect(record.candidates.map(({ model }) => model)).toEqual(['may', 'november'])
    const again = createCatalog([adapter('openai', [model('may', 500), model('november', 300)])])
    for (const options of [{}, { catalog: again }])
      expect(replayDecision(record, options)).toMatchObject({ isSame: true, diff: [] })
    expect(replayDecision(record, { configuration: presets.balanced({ strategy: 'lowest_latency' }) })).toMatchObject({
      isSame: false,
      diff: [
        'first gpt-4o november (openai) at 3 credits instead of gpt-4o may (openai) at 2',
        'by lowest_latency instead of lowest_cost',
        'in the order gpt-4o november (openai), gpt-4o may (openai) instead of gpt-4o may (openai), gpt-4o november (openai)',
      ],
    })
    expect(replayDecision(record, { catalog: two, prices: charging(2, 4) }).diff).toEqual([
      'gpt-4o november (openai): 4 credits (at most 4) instead of 3 (at most 3)',
    ])
    const one = createCatalog([adapter('openai', [model('november', 300)])])
    expect(replayDecision(record, { catalog: one }).diff).toContain('no longer gpt-4o may (openai)')
  })

  it('with another price book tells what that would have charged, and whom chosen', () => {
    const record = recorded({ configuration: presets.balanced({ strategy: 'lowest_cost' }) })
    const dearer = {
      predict: (...[offer, quantities]: Parameters<typeof prices.predict>) => {
        const { charge } = prices.predict(offer, quantities)
        return { charge: offer.provider === 'gpt-4o-mini' ? microCredits(charge * 3n) : charge }
      },
    }
    expect(replayDecision(record, { prices: dearer }).diff).toEqual([
      'first claude-3-haiku (anthropic) at 1 credits instead of gpt-4o-mini (openai) at 1',
      'gpt-4o-mini (openai): 3 credits (at most 6) instead of 1 (at most 2)',
      expect.stringContaining('in the order'),
    ])
  })

  it('of a refusal tells what a higher limit would have allowed', () => {
    const record = recorded({ configuration: presets.balanced({ maxCreditsPerRequest: credits(1) }) })
    expect(record).toMatchObject({ outcome: 'over_request_limit', candidates: [] })
    expect(replayDecision(record)).toMatchObject({ isSame: true })
    const { diff } = replayDecision(record, {
      configuration: presets.balanced({ maxCreditsPerRequest: credits(5) }),
      catalog,
      prices,
    })
    expect(diff).toEqual(['gpt-4o-mini (openai) at 1 credits instead of refused (over_request_limit)'])
  })

  it('of what the record has no charges for says so, and asks for a catalog', () => {
    const record = recorded({ request: request({ provider: 'gpt-9' }) })
    expect(replayDecision(record)).toMatchObject({ isSame: true })
    expect(replayDecision(record, { configuration: presets.costOptimized() })).toMatchObject({
      isSame: false,
      diff: ['not known without a catalog: the record has the charge of no offer'],
    })
  })

  it('with a catalog considers who was not on offer then', () => {
    const record = recorded({ catalog: createCatalog([adapter('openai', [offer('gpt-4o', 0.85, 500)])]) })
    const { diff } = replayDecision(record, { catalog, prices })
    expect(diff[0]).toBe('first gpt-4o-mini (openai) at 1 credits instead of gpt-4o (openai) at 8')
    expect(diff).toContain('also sonnet (anthropic)')
  })

  it('judges complexity again by another classifier, from the recorded features', () => {
    const configuration = presets.premiumQuality({ complexity: 'auto', costOptimization: true })
    const record = recorded({ ...busy, configuration })
    const lenient = { name: 'lenient', classify: () => ({ complexity: 'low' as const, score: 0, contributions: [] }) }
    expect(record.complexity?.value).toBe('medium')
    expect(replayDecision(record, { classifier: lenient }).diff).toContain('by lowest_cost instead of configured')
  })
})
