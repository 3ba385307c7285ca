import { credits, FareboxError, microCredits, type NanoUsd, type Offer, quantity, type UsageQuantity } from '@farebox/core'
import {
  createCatalog,
  decisionRecord,
  type HealthCondition,
  type PlanInput,
  packDecision,
  plan,
  presets,
  type Route,
  type RouteRefusal,
  type RoutingStrategy,
  replayDecision,
  unpackDecision,
} from '@farebox/router'
import fc from 'fast-check'
import { expect, test } from 'vitest'
import { adapter, dice, offer } from './plan-parts.ts'

const oneOf = <const Value>(...values: Value[]) => fc.constantFrom(...values)

/** An offer, what it costs in credits, and its health. */
const offered = fc.record({
  adapter: fc.nat(3),
  provider: oneOf('a', 'b', 'c', 'd', 'e'),
  model: oneOf('m', 'n'),
  quality: oneOf(0.3, 0.5, 0.55, 0.6, 0.9),
  latencyMs: oneOf(100, 200, 250, 900),
  charge: oneOf<number | undefined>(0, 1, 2, 2, 3, 4, 10, 30, undefined),
  /** How much more than its charge its ceiling is. */
  more: oneOf(0, 0, 1, 5, 20),
  /** The charge with the input in its cache. */
  cached: oneOf<number | undefined>(undefined, 0, 1, 50),
  cost: oneOf(undefined, 1n, 5n),
  condition: oneOf<HealthCondition>('ok', 'ok', 'ok', 'probe', 'rate_limited', 'sick', 'refusing'),
  errorRate: oneOf(undefined, 0, 0.25, 0.5, 1),
  rateLimitedRate: oneOf(undefined, 0, 0.5, 0.75),
  samples: oneOf(undefined, 0, 1, 7.5),
  measuredMs: oneOf(undefined, undefined, 50, 300, 2_000),
  seenMs: oneOf(undefined, 10, 200_000),
  regions: oneOf<string[] | undefined>(undefined, ['eu'], ['us']),
})

const world = fc.record({
  offers: fc.uniqueArray(offered, {
    minLength: 1,
    maxLength: 12,
    selector: ({ adapter: seller, provider, model }) => `x${seller} ${provider} ${model}`,
  }),
  simulated: fc.array(fc.boolean(), { minLength: 4, maxLength: 4 }),
  strategy: oneOf<RoutingStrategy>(
    'configured',
    'lowest_cost',
    'lowest_latency',
    'highest_quality',
    'weighted',
    'balanced',
    'balanced',
  ),
  named: fc.uniqueArray(oneOf('a', 'b', 'c', 'd', 'e', 'nobody'), { minLength: 1, maxLength: 5 }),
  lastResort: fc.boolean(),
  costOptimization: fc.boolean(),
  accuracyFirst: oneOf(false, false, false, true),
  limit: oneOf(null, null, 5, 12),
  affordable: oneOf(1_000, 1_000, 8, 3),
  exploration: oneOf(0, 0.5, 1),
  complexity: oneOf('low' as const, 'medium' as const, 'high' as const),
  accuracy: oneOf('standard' as const, 'high' as const, undefined),
  weights: fc.dictionary(oneOf('a', 'b', 'c'), oneOf(0, 1, 3)),
  session: oneOf<{ provider: string; adapter?: string; model?: string } | undefined>(
    undefined,
    { provider: 'a' },
    { provider: 'b', adapter: 'x1' },
    { provider: 'c' },
    { provider: 'c', model: 'm' },
  ),
  isSessionOver: fc.boolean(),
  isStream: fc.boolean(),
  latencyMsMax: oneOf(null, null, 260, 1_000),
  region: oneOf(null, null, null, 'eu'),
  qualityMin: oneOf(0, 0, 0.5),
  seed: oneOf<number | undefined>(undefined, 11, 222, 3_333, 44_444, 555_555),
  asked: oneOf(undefined, undefined, undefined, 'a'),
})
type World = typeof world extends fc.Arbitrary<infer Drawn> ? Drawn : never
type Offered = World['offers'][number]

class NoPrice extends FareboxError {
  override readonly code = 'PRICE_NOT_FOUND'
}

const tokens = (count: number): UsageQuantity[] => [{ meter: 'input', quantity: quantity(count), unit: 'tokens' }]
const nameOf = ({ adapter: seller, provider, model }: Offered) => `x${seller} ${provider} ${model}`

function inputOf(drawn: World): PlanInput {
  const facts = new Map<Offer, Offered>()
  const adapters = drawn.simulated.map((isSimulated, index) => {
    const own = drawn.offers.filter((one) => one.adapter === index)
    const offers = own.map((one): Offer => {
      const made = { ...offer(one.provider, one.quality, one.latencyMs, { regions: one.regions }), model: one.model }
      facts.set(made, one)
      return made
    })
    return adapter(`x${index}`, offers, isSimulated)
  })
  const catalog = createCatalog(adapters)
  const byKey = new Map(catalog.forService('gpt').map(({ healthKey, offer: one }) => [healthKey, facts.get(one)]))
  const [primaryAiModel = '', fallbackAiModel = null, ...others] = drawn.named
  const { session, seed, limit } = drawn
  return {
    request: {
      service: 'gpt',
      operation: 'chat',
      expected: tokens(1_000),
      ceiling: tokens(2_000),
      accuracy: drawn.accuracy,
      needs: { streaming: drawn.isStream },
      provider: drawn.asked,
      session: session && { ...session, cachedInput: quantity(800), expiresAt: drawn.isSessionOver ? 500 : 5_000 },
    },
    configuration: presets.balanced({
      primaryAiModel,
      fallbackAiModel,
      fallbackProviders: { gpt: others },
      lastResort: drawn.lastResort,
      strategy: drawn.strategy,
      costOptimization: drawn.costOptimization,
      accuracyFirst: drawn.accuracyFirst,
      maxCreditsPerRequest: limit === null ? null : credits(limit),
      exploration: drawn.exploration,
      complexity: drawn.complexity,
      weights: drawn.weights,
      latencyMsMax: drawn.latencyMsMax,
      dataRegion: drawn.region,
      qualityMin: drawn.qualityMin,
    }),
    catalog,
    prices: {
      predict(priced, quantities) {
        const { charge, cached, cost } = facts.get(priced) ?? {}
        const amount = quantities.some(({ meter }) => meter === 'cached_input') ? cached : charge
        if (amount === undefined) throw new NoPrice('it has no price')
        return { charge: credits(amount), cost: cost as NanoUsd | undefined }
      },
      predictMost(priced) {
        const { charge = 0, more = 0 } = facts.get(priced) ?? {}
        return credits(charge + more)
      },
    },
    health: {
      read(healthKey) {
        const one = byKey.get(healthKey)
        if (!one) return undefined
        const { condition, measuredMs, errorRate, rateLimitedRate, samples, seenMs } = one
        return { condition, answerMs: measuredMs, firstEventMs: measuredMs, errorRate, rateLimitedRate, samples, seenMs }
      },
    },
    affordable: credits(drawn.affordable),
    now: 1_000,
    ...(seed !== undefined && { random: dice(seed) }),
  }
}

interface Expected {
  outcome: string
  order?: string[]
  hold?: bigint
  isKept?: boolean | undefined
  isExplored?: boolean
}

/** A candidate of the reference. */
interface Runner extends Offered {
  name: string
  rank: number
  ms: number
  price: number
  ceiling: number
  isCached: boolean
  isSimulated: boolean
  illness: number
  position: number
  score: number
}

const illnesses: Record<HealthCondition, number> = { ok: 0, probe: 0, rate_limited: 1, sick: 2, refusing: 3 }

/** What the documentation says of the order, done step by step without regard to speed. */
function reference(drawn: World): Expected {
  const { strategy: configured, accuracyFirst, costOptimization, complexity, limit, affordable, session, asked } = drawn
  const random = drawn.seed === undefined ? undefined : dice(drawn.seed)
  const reasons = new Set<string>()
  const runners: Runner[] = []
  const realFirst = [false, true].flatMap((isSimulated) =>
    drawn.simulated.flatMap((own, index) => (own === isSimulated ? drawn.offers.filter((one) => one.adapter === index) : [])),
  )
  for (const [position, one] of realFirst.entries()) {
    const place = drawn.named.indexOf(one.provider)
    const isWanted = asked === undefined ? place >= 0 || drawn.lastResort : one.provider === asked
    if (!isWanted) continue
    const slowest = drawn.latencyMsMax ?? Number.POSITIVE_INFINITY
    const measured = one.measuredMs ?? one.latencyMs
    const ms = measured > slowest && (one.seenMs ?? 0) >= 120_000 ? one.latencyMs : measured
    if ((drawn.region && !one.regions?.includes(drawn.region)) || one.quality < drawn.qualityMin || ms > slowest) {
      reasons.add('capability')
    } else if (one.charge === undefined) reasons.add('price_not_found')
    else {
      const isWith =
        session?.provider === one.provider &&
        (!session.adapter || session.adapter === `x${one.adapter}`) &&
        (!session.model || session.model === one.model) &&
        !drawn.isSessionOver
      const isCached = isWith && one.cached !== undefined && one.cached <= one.charge
      runners.push({
        ...one,
        name: nameOf(one),
        rank: place < 0 ? Number.POSITIVE_INFINITY : place,
        ms,
        price: isCached ? (one.cached ?? 0) : one.charge,
        ceiling: one.charge + one.more,
        isCached,
        isSimulated: drawn.simulated[one.adapter] === true,
        illness: illnesses[one.condition],
        position,
        score: 0,
      })
    }
  }

  const failuresOf = (share = 0) => Math.min(share, 0.9) / (1 - Math.min(share, 0.9))
  const priceOf = (one: Runner) => one.price * 1e6 * (1 + failuresOf(one.errorRate))
  const timeOf = (one: Runner) => one.ms * (1 + failuresOf(one.errorRate)) + 500 * failuresOf(one.rateLimitedRate)
  const [byCost, byTime, byQuality] = accuracyFirst ? [0, 0.2, 0.8] : costOptimization ? [0.6, 0.2, 0.2] : [0.2, 0.3, 0.5]
  const points = (own: number, all: number[]) => (own > 0 ? Math.min(...all) / own : 1)
  for (const one of runners) {
    const [price, time] = [points(priceOf(one), runners.map(priceOf)), points(timeOf(one), runners.map(timeOf))]
    one.score = byCost * price + byTime * time + byQuality * one.quality
  }

  const isCheap = complexity === 'low' && costOptimization && !accuracyFirst
  const strategy = drawn.accuracy === 'high' ? 'highest_quality' : isCheap ? 'lowest_cost' : configured
  const lots = new Map<Runner, number>()
  for (const one of strategy === 'weighted' ? runners : []) {
    const sellers = runners.filter(({ provider, illness }) => provider === one.provider && illness === one.illness)
    const share = (drawn.weights[one.provider] ?? 0) / sellers.length
    lots.set(one, share === 0 ? Number.NEGATIVE_INFINITY : random ? Math.log(random()) / share : share * sellers.length)
  }
  const keyOf = (one: Runner): number[] => {
    const places = [one.rank, Number(one.isSimulated), one.position]
    switch (strategy) {
      case 'configured':
        return [one.rank, one.rank === Number.POSITIVE_INFINITY ? -one.score : 0, ...places]
      case 'lowest_cost':
        return [one.price, one.ceiling, ...places]
      case 'lowest_latency':
        return [one.ms, ...places]
      case 'highest_quality':
        return [-one.quality, ...places]
      case 'balanced':
        return [-one.score, ...places]
      default:
        return [-(lots.get(one) ?? 0), ...places]
    }
  }

  const tooDear = ({ ceiling }: Runner) =>
    limit !== null && ceiling > limit ? 'over_request_limit' : ceiling > affordable ? 'insufficient_credits' : undefined
  const refusal = (): Expected => {
    const nearest = ['insufficient_credits', 'over_request_limit', 'price_not_found', 'capability']
    return { outcome: nearest.find((reason) => reasons.has(reason)) ?? 'no_provider' }
  }
  const [favourite] = runners.toSorted((left, right) => compare(keyOf(left), keyOf(right)))
  const isNamed = favourite !== undefined && favourite.rank !== Number.POSITIVE_INFINITY
  if (accuracyFirst && asked === undefined && isNamed && tooDear(favourite)) {
    reasons.add(tooDear(favourite) ?? '')
    return refusal()
  }
  for (const one of runners) reasons.add(tooDear(one) ?? '')
  const order = runners.filter((one) => !tooDear(one))
  if (order.length === 0) return refusal()
  order.sort((left, right) => compare([left.illness, ...keyOf(left)], [right.illness, ...keyOf(right)]))
  for (const real of order.filter(({ isSimulated }) => !isSimulated)) {
    const place = order.indexOf(real)
    const before = order.findIndex(({ isSimulated, provider }) => isSimulated && provider === real.provider)
    const other = order[before]
    if (!other || before > place || real.illness > other.illness) continue
    order[before] = real
    order[place] = other
  }

  const putFirst = (one: Runner) => void order.unshift(...order.splice(order.indexOf(one), 1))
  const isAsWell = (one: Runner, first: Runner) => one.illness <= first.illness && (!one.isSimulated || first.isSimulated)
  const isNear = (one: Runner, first: Runner) => one.score > first.score - 0.05 && isAsWell(one, first)
  const own = accuracyFirst ? undefined : order.find(({ isCached }) => isCached)
  let isKept: boolean | undefined
  if (own) {
    const first = order[0] as Runner
    const cheaper = first.price - own.price || (first.cost && own.cost ? Number(first.cost - own.cost) : 0)
    const pays = {
      lowest_cost: cheaper >= 0,
      balanced: isNear(own, first),
      configured: own.quality >= first.quality && cheaper > 0,
      highest_quality: own.quality >= first.quality && cheaper > 0,
      lowest_latency: false,
      weighted: false,
    }
    isKept = own !== first && isAsWell(own, first) && pays[strategy]
    if (isKept) putFirst(own)
  }

  const isFree = random !== undefined && strategy === 'balanced' && !accuracyFirst && own !== order[0]
  if (isFree) {
    const best = order[0] as Runner
    const near = order.filter((one) => isNear(one, best))
    const lot = near.length < 2 ? 0 : random()
    const closeness = near.map(({ score }) => 1 - (best.score - score) / 0.05)
    let left = lot * closeness.reduce((sum, share) => sum + share, 0)
    const drawnOne = near.find((_, place) => {
      left -= closeness[place] ?? 0
      return left < 0
    })
    if (near.length >= 2 && drawnOne) putFirst(drawnOne)
  }
  let hold = Math.max(...order.map(({ ceiling }) => ceiling))
  const mayExplore = isFree && drawn.exploration > 0 && complexity !== 'high' && order.length > 1
  let explored: Runner | undefined
  if (mayExplore && random() >= 1 - drawn.exploration) {
    const first = order[0] as Runner
    const fewest = (one: Runner) => one.samples ?? 0
    explored = order
      .filter((one) => fewest(one) < fewest(first) && one.condition === 'ok' && isAsWell(one, first))
      .filter((one) => one.price <= 2 * first.price && one.quality >= first.quality - 0.1)
      .toSorted((left, right) => fewest(left) - fewest(right))[0]
    if (explored) {
      putFirst(explored)
      hold = Math.max(...order.map((one) => (one === explored ? Math.min(one.ceiling, first.ceiling) : one.ceiling)))
    }
  }
  const names = order.map(({ name }) => name)
  return { outcome: 'planned', order: names, hold: credits(hold), isKept, isExplored: explored !== undefined }
}

function compare(left: readonly number[], right: readonly number[]): number {
  for (const [place, own] of left.entries()) {
    const other = right[place] ?? 0
    if (own !== other) return own < other ? -1 : 1
  }
  return 0
}

function outcomeOf(decision: Route | RouteRefusal): Expected {
  if (decision.status === 'refused') return { outcome: decision.reason }
  return {
    outcome: 'planned',
    order: decision.candidates.map((one) => `${one.adapter.name} ${one.offer.provider} ${one.offer.model}`),
    hold: microCredits(decision.hold),
    isKept: decision.session?.isKept,
    isExplored: decision.exploration !== undefined,
  }
}

test('whatever is offered and wanted, the route is that of a reference which does what the documentation says', () => {
  fc.assert(
    fc.property(world, (drawn) => {
      const input = inputOf(drawn)
      const decision = plan(input)
      expect(outcomeOf(decision)).toEqual(reference(drawn))
      if (decision.status === 'refused') return
      expect(decision.candidates.length + decision.rejected.length).toBe(drawn.offers.length)
    }),
    { numRuns: 2_000 },
  )
})

test('whatever was decided, the record is the same when it is unpacked, and its replay decides the same', () => {
  const asJson = (value: unknown) => JSON.parse(JSON.stringify(value))
  fc.assert(
    fc.property(world, (drawn) => {
      const input = inputOf(drawn)
      const decision = plan(input)
      const record = decisionRecord(decision, input)
      const unpacked = unpackDecision(asJson(packDecision(record)))
      expect(asJson(unpacked)).toEqual(asJson(record))
      if (!unpacked || record.candidatesOmitted || record.rejectedOmitted) return
      const { record: replayed, diff } = replayDecision(unpacked)
      expect(diff).toEqual([])
      const { outcome, hold, exploration, draws } = asJson(replayed)
      expect({ outcome, hold, exploration, draws }).toEqual({
        outcome: record.outcome,
        hold: record.hold,
        exploration: record.exploration,
        draws: record.draws,
      })
    }),
    { numRuns: 500 },
  )
})
