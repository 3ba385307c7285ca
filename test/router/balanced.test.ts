import { credits, quantity } from '@farebox/core'
import { createCatalog, explainRoute, holdFor, type Operation, plan, presets, type Route } from '@farebox/router'
import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { adapter, catalog, dice, firsts, health, inputOf, offer, order, planned, type prices, request } from './plan-parts.ts'

const configuration = presets.balanced({ strategy: 'balanced', exploration: 0 })
const twins = createCatalog([
  adapter('a', [offer('gpt-4o-mini', 0.6, 300)]),
  adapter('b', [offer('claude-3-haiku', 0.6, 300), offer('gpt-4', 0.95, 900)]),
])

function scoreOf(provider: string, readings: Parameters<typeof health>[0]): number {
  const route = planned({ configuration, catalog: twins, health: health(readings) })
  return route.candidates.find(({ offer }) => offer.provider === provider)?.score ?? Number.NaN
}

function unplanned(): never {
  throw new Error('planning makes no calls')
}

describe('a score', () => {
  it('falls with the error rate, by the price and the time of the tries that it costs', () => {
    const well = scoreOf('gpt-4o-mini', {})
    const failing = scoreOf('gpt-4o-mini', { 'gpt-4o-mini': { errorRate: 0.5 } })
    // Two tries for an answer: half of the shares of cost (0.6) and latency (0.2).
    expect(well - failing).toBeCloseTo(0.4, 10)
  })

  it('falls with the 429 rate by time alone', () => {
    const limited = scoreOf('gpt-4o-mini', { 'gpt-4o-mini': { rateLimitedRate: 0.5 } })
    // One wait of 500 ms for each answer, beside 300 ms.
    expect(scoreOf('gpt-4o-mini', {}) - limited).toBeCloseTo(0.2 * (1 - 300 / 800), 10)
  })

  it('goes by the time to the first token for streams and by that of the answer otherwise', () => {
    const measured = health({ 'gpt-4o-mini': { answerMs: 9_000, firstEventMs: 100 } })
    const latency = presets.premiumQuality({ strategy: 'balanced', exploration: 0 })
    const first = (streaming: boolean) =>
      order(planned({ configuration: latency, catalog: twins, health: measured, request: request({ needs: { streaming } }) }))[0]
    expect(first(true)).toBe('gpt-4o-mini')
    expect(first(false)).toBe('claude-3-haiku')
  })

  it('is a number for any health, and never above 1', () => {
    const rate = fc.oneof(fc.constant(undefined), fc.double({ min: -1, max: 2, noNaN: true }))
    fc.assert(
      fc.property(rate, rate, (errorRate, rateLimitedRate) => {
        const score = scoreOf('gpt-4o-mini', { 'gpt-4o-mini': { errorRate, rateLimitedRate } })
        expect(score).toBeGreaterThanOrEqual(0)
        expect(score).toBeLessThanOrEqual(1)
      }),
    )
  })
})

describe('near-best candidates', () => {
  it('share the load, and whoever is clearly worse has none of it', () => {
    const counts = firsts(2_000, { configuration, catalog: twins, random: dice(7) })
    expect(Object.keys(counts).sort()).toEqual(['claude-3-haiku', 'gpt-4o-mini'])
    expect(counts['gpt-4o-mini']).toBeGreaterThan(900)
    expect(counts['claude-3-haiku']).toBeGreaterThan(900)
  })

  it('are likelier the nearer they are to the best', () => {
    const measured = health({ 'claude-3-haiku': { answerMs: 345 } })
    const counts = firsts(2_000, { configuration, catalog: twins, health: measured, random: dice(7) })
    // Closeness 1 and about 0.48.
    expect((counts['claude-3-haiku'] ?? 0) / 2_000).toBeCloseTo(0.32, 1)
  })

  it('say so where one comes before a better one by lot', () => {
    const whys = ({ candidates }: Route) => candidates.slice(0, 2).map(({ offer, why }) => `${offer.provider}: ${why}`)
    const drawn = planned({ configuration, catalog: twins, random: () => 0.999 })
    expect(whys(drawn)).toEqual([
      'claude-3-haiku: configured fallback, drawn by lot from those near the best',
      'gpt-4o-mini: configured first',
    ])
    expect(whys(planned({ configuration, catalog: twins, random: () => 0 }))[0]).toBe('gpt-4o-mini: configured first')
  })

  it('are in the order of their scores without chance', () => {
    expect(firsts(10, { configuration, catalog: twins })).toEqual({ 'gpt-4o-mini': 10 })
    expect(planned({ configuration, catalog: twins }).draws).toEqual([])
  })

  it('are in the order of their scores where accuracy comes first', () => {
    const emergency = presets.emergencyServices({ strategy: 'balanced' })
    const route = planned({ configuration: emergency, catalog: twins, random: () => 0.999 })
    expect(order(route)[0]).toBe('gpt-4')
    expect(route.draws).toEqual([])
  })

  it('are not those that are ill, nor a simulated one beside a real one', () => {
    const sick = health({ 'claude-3-haiku': { condition: 'rate_limited' } })
    expect(firsts(200, { configuration, catalog: twins, health: sick, random: dice(7) })).toEqual({ 'gpt-4o-mini': 200 })
    const mixed = createCatalog([
      adapter('real', [offer('gpt-4o-mini', 0.6, 300)]),
      adapter('simulated', [offer('claude-3-haiku', 0.6, 300)], true),
    ])
    expect(firsts(200, { configuration, catalog: mixed, random: dice(7) })).toEqual({ 'gpt-4o-mini': 200 })
  })
})

it('whatever chance, session and health do, the hold covers whoever serves and can be paid, and nobody is lost', () => {
  const share = fc.double({ min: 0, max: 1, noNaN: true })
  const reading = fc.record({
    condition: fc.constantFrom('ok', 'probe', 'rate_limited', 'sick', 'refusing'),
    samples: fc.nat(20),
    errorRate: share,
  } as const)
  const providers = ['gpt-4o-mini', 'claude-3-haiku', 'gpt-4o', 'gpt-4', 'sonnet']
  const cached = fc.record({ provider: fc.constantFrom(...providers), tokens: fc.nat(2_000) })
  const readings = fc.tuple(...providers.map(() => reading))
  fc.assert(
    fc.property(
      fc.integer({ min: 1, max: 1e6 }),
      fc.nat(60),
      cached,
      readings,
      (seed, affordable, { provider, tokens }, given) => {
        const input = inputOf({
          configuration: { ...configuration, exploration: 0.5 },
          random: dice(seed),
          affordable: credits(affordable),
          request: request({ session: { provider, cachedInput: quantity(tokens), expiresAt: 1 } }),
          health: health(Object.fromEntries(providers.map((name, place) => [name, given[place] ?? {}]))),
        })
        const outcome = plan(input)
        if (outcome.status === 'refused') return
        const { candidates, hold } = outcome
        expect(hold <= credits(affordable)).toBe(true)
        for (const candidate of candidates) {
          expect(holdFor(outcome, candidate) <= hold).toBe(true)
          expect(candidate.chargeExpected <= candidate.chargeCeiling && candidate.chargeCeiling <= credits(affordable)).toBe(true)
        }
        expect([...order(outcome), ...outcome.rejected.map(({ offer }) => offer.provider)].sort()).toEqual([...providers].sort())
        const healths = candidates.map(({ condition }) => ({ ok: 0, probe: 0, rate_limited: 1, sick: 2, refusing: 3 })[condition])
        expect(healths).toEqual([...healths].sort())
      },
    ),
  )
})

describe('exploration', () => {
  const always = { ...configuration, exploration: 1 }
  const known = { 'gpt-4o-mini': { samples: 50 }, 'gpt-4': { samples: 50 } }
  const slower = { 'claude-3-haiku': { answerMs: 420, samples: 1 } }
  const readings = health({ ...known, ...slower })
  const explored = { configuration: always, catalog: twins, health: readings, random: dice(7) }

  it('puts a less known candidate first and says so, with who it replaces behind it', () => {
    const route = planned(explored)
    expect(order(route)).toEqual(['claude-3-haiku', 'gpt-4o-mini', 'gpt-4'])
    expect(route.exploration).toEqual({ candidate: route.candidates[0], insteadOf: route.candidates[1] })
    expect(explainRoute(route)[1]).toContain('tried out instead of gpt-4o-mini (a), at our expense')
  })

  it('happens as often as configured, and not at all by default chance of zero', () => {
    const often = (exploration: number) =>
      firsts(5_000, { ...explored, configuration: { ...always, exploration }, random: dice(3) })['claude-3-haiku'] ?? 0
    expect(often(0.02) / 5_000).toBeCloseTo(0.02, 2)
    expect(often(0.02)).toBeGreaterThan(0)
    expect(often(0)).toBe(0)
    expect(presets.balanced().exploration).toBe(0.01)
  })

  it('holds no more than who was replaced may cost', () => {
    const dearer = createCatalog([adapter('a', [offer('gpt-4o', 0.85, 500)]), adapter('b', [offer('sonnet', 0.85, 500)])])
    const route = planned({ ...explored, catalog: dearer, health: health({ 'gpt-4o': { samples: 9 } }) })
    const [first, second] = route.candidates
    expect(order(route)).toEqual(['sonnet', 'gpt-4o'])
    expect(first && [first.chargeCeiling, holdFor(route, first)]).toEqual([credits(18), credits(16)])
    expect(second && holdFor(route, second)).toBe(credits(16))
    expect(route.hold).toBe(credits(16))
  })

  it('holds no more than it may cost itself where who was replaced is dearer', () => {
    const cheaper = createCatalog([adapter('a', [offer('gpt-4o', 0.95, 100)]), adapter('b', [offer('gpt-4o-mini', 0.86, 900)])])
    const dear = { ...always, costOptimization: false }
    const readings = health({ 'gpt-4o': { samples: 9 } })
    const route = planned({ ...explored, configuration: dear, catalog: cheaper, health: readings, random: dice(7) })
    const [first, second] = route.candidates
    expect(order(route)).toEqual(['gpt-4o-mini', 'gpt-4o'])
    expect([first, second].map((each) => each && holdFor(route, each))).toEqual([credits(2), credits(16)])
  })

  it('tries one that is exactly twice as dear, and none that is dearer', () => {
    const exactly: typeof prices = {
      predict: ({ provider }) => ({ charge: credits({ usual: 100, twice: 200, more: 201 }[provider] ?? 0), cost: undefined }),
    }
    const overrides = { prices: exactly, health: health({ usual: { samples: 9 } }), random: dice(7) }
    const tried = (provider: string) => {
      const two = createCatalog([adapter('a', [offer('usual', 0.9, 100), offer(provider, 0.9, 900)])])
      return planned({ ...explored, ...overrides, catalog: two }).exploration
    }
    expect(tried('twice')?.candidate.offer.provider).toBe('twice')
    expect(tried('more')).toBeUndefined()
  })

  it.each([
    ['where accuracy comes first', { configuration: presets.emergencyServices({ strategy: 'balanced', exploration: 1 }) }],
    ['where accuracy comes first, however easy the request is', { configuration: { ...always, accuracyFirst: true } }],
    ['at high accuracy', { request: request({ accuracy: 'high' }) }],
    ['at high complexity', { request: request({ complexity: 'high' }) }],
    ['by another strategy', { configuration: { ...always, strategy: 'lowest_latency' as const } }],
    ['without chance', { random: undefined }],
    ['when the chance is not met', { configuration: { ...always, exploration: 0.01 }, random: () => 0.5 }],
    ['of one that is no less known', { health: health({ ...known, 'claude-3-haiku': { answerMs: 420, samples: 50 } }) }],
    ['of one that is recovering', { health: health({ ...known, 'claude-3-haiku': { condition: 'probe' } }) }],
    [
      'of one that is over twice as dear',
      { health: health({ ...known, 'claude-3-haiku': { samples: 60 }, 'gpt-4': { samples: 0 } }) },
    ],
  ])('does not happen %s', (_, overrides) => {
    expect(planned({ ...explored, ...overrides }).exploration).toBeUndefined()
  })

  it.each(['listen', 'converse'] as const)(
    'does not happen in operation %s, since live sound is charged by whoever serves it',
    (live) => {
      const hears = (seller: ReturnType<typeof adapter>) => ({
        ...seller,
        transcribe: unplanned,
        streamTranscription: unplanned,
        converse: unplanned,
      })
      const catalog = createCatalog([
        hears(adapter('a', [offer('gpt-4o-mini', 0.6, 300)])),
        hears(adapter('b', [offer('claude-3-haiku', 0.6, 300)])),
      ])
      const tried = (operation: Operation) => planned({ ...explored, catalog, request: request({ operation }) }).exploration
      expect(tried('transcribe')?.candidate.offer.provider).toBe('claude-3-haiku')
      expect(tried(live)).toBeUndefined()
    },
  )

  it('never tries a simulated candidate for a real one, nor one that is much worse', () => {
    const simulated = createCatalog([
      adapter('real', [offer('gpt-4o-mini', 0.6, 300)]),
      adapter('simulated', [offer('claude-3-haiku', 0.6, 400)], true),
    ])
    expect(planned({ ...explored, catalog: simulated }).exploration).toBeUndefined()
    const worse = createCatalog([adapter('a', [offer('gpt-4o-mini', 0.6, 300), offer('claude-3-haiku', 0.4, 400)])])
    expect(planned({ ...explored, catalog: worse }).exploration).toBeUndefined()
  })

  it('leaves every candidate in the route, and the same draws give the same route', () => {
    fc.assert(
      fc.property(fc.integer({ min: 1, max: 1e6 }), fc.double({ min: 0, max: 1, noNaN: true }), (seed, exploration) => {
        const one = () => planned({ catalog, health: readings, configuration: { ...always, exploration }, random: dice(seed) })
        expect(explainRoute(one())).toEqual(explainRoute(one()))
        expect(order(one()).sort()).toEqual(order(planned()).sort())
      }),
    )
  })
})
