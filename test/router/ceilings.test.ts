import { type Credits, credits, type Offer, type ProviderAdapter, quantity, type UsageQuantity } from '@farebox/core'
import { MaximumChargeError } from '@farebox/pricing'
import {
  createCatalog,
  holdFor,
  type Operation,
  type PlanInput,
  type PricePredictor,
  plan,
  predictCeilingIfPriced,
  presets,
  type RouteRequest,
} from '@farebox/router'
import { describe, expect, it } from 'vitest'
import { adapter, dice, health, inputOf, offer, order, planned, prices, rejections, request } from './plan-parts.ts'

function tokens(count: number): UsageQuantity[] {
  return [{ meter: 'input', quantity: quantity(count), unit: 'tokens' }]
}

describe('the most that a call of an offer may cost', () => {
  /** One credit by the token under the model, three under the one that live sound is priced by. */
  const byModel: PricePredictor = {
    predict: ({ model }, used) => {
      const sum = used.reduce((all, each) => all + each.quantity, 0n)
      return { charge: ((model === 'live' ? 3n : 1n) * sum) as Credits }
    },
  }
  const talking: Offer = { ...offer('sonnet', 0.9, 600), liveModel: 'live' }
  const unused = (() => undefined) as never
  const able: ProviderAdapter = { ...adapter('anthropic', [talking]), converse: unused, streamTranscription: unused }

  it.each([
    ['listen', 30, 60],
    ['converse', 30, 60],
    ['chat', 10, 20],
  ] as const)('is that of its live model for sound that is heard, and for nothing else: %s', (operation, expected, most) => {
    const asked = request({ operation: operation as Operation, expected: tokens(10), ceiling: tokens(20) })
    const [candidate] = planned({ request: asked, prices: byModel, catalog: createCatalog([able]) }).candidates
    expect(candidate).toMatchObject({ chargeExpected: credits(expected), chargeCeiling: credits(most) })
    expect(predictCeilingIfPriced(byModel, talking, asked)).toBe(credits(most))
  })

  it.each([
    ['that the predictor knows', true],
    ['of the predicted usage', false],
  ])('depends on the numbers of a phone call: the most %s', (_, knowsMost) => {
    const predict: PricePredictor['predict'] = (_offer, _used, numbers) => ({
      charge: credits(numbers?.to === '+43720' && numbers.from === '+1555' ? 5 : 1),
    })
    const byNumber: PricePredictor = {
      predict,
      ...(knowsMost && { predictMost: (sold, most, numbers) => predict(sold, most, numbers).charge }),
    }
    const asked = request({ operation: 'call', numbers: { to: '+43720', from: '+1555' } })
    expect(predictCeilingIfPriced(byNumber, talking, asked)).toBe(credits(5))
  })

  it('is that of what the offer may use, unless another usage is given', () => {
    const asked = request({ usageOf: () => ({ expected: tokens(10), ceiling: tokens(30) }) })
    expect(predictCeilingIfPriced(byModel, talking, asked)).toBe(credits(30))
    expect(predictCeilingIfPriced(byModel, talking, asked, { ceiling: tokens(40) })).toBe(credits(40))
  })

  it('is unknown where there is no price or the price book refuses so much, and no other error is hidden', () => {
    const failing = (error: Error): PricePredictor => ({
      predict: () => {
        throw error
      },
    })
    const query = { service: 'gpt', provider: 'sonnet', at: 0 }
    const tooMuch = new MaximumChargeError(query, { amount: '9', maximum: '5', currency: 'credits' })
    expect(predictCeilingIfPriced(failing(tooMuch), talking, request())).toBeUndefined()
    expect(predictCeilingIfPriced(prices, offer('nobody', 0.9, 600), request())).toBeUndefined()
    expect(() => predictCeilingIfPriced(failing(new RangeError('broken')), talking, request())).toThrow('broken')
  })

  it('is told with what the price book allows where it allows no more', () => {
    const refusing: PricePredictor = {
      predict: () => {
        throw new MaximumChargeError(
          { service: 'gpt', provider: 'sonnet', at: 0 },
          { amount: '9', maximum: '5', currency: 'credits' },
        )
      },
    }
    const configuration = presets.balanced({ maxCreditsPerRequest: credits(7) })
    const refusal = plan(inputOf({ prices: refusing, configuration }))
    expect(refusal).toMatchObject({ reason: 'over_request_limit', needed: credits(9), limit: credits(5) })
  })
})

describe('what is held for one that is tried out', () => {
  const few = { expected: tokens(1_000), ceiling: tokens(2_000) }
  const many = { expected: tokens(1_000), ceiling: tokens(4_000) }
  const catalog = createCatalog([adapter('a', [offer('gpt-4o', 0.85, 500)]), adapter('b', [offer('sonnet', 0.85, 500)])])
  const exploring = {
    configuration: presets.balanced({ strategy: 'balanced', exploration: 1, complexity: 'medium' }),
    catalog,
    health: health({ 'gpt-4o': { samples: 9 } }),
    random: dice(7),
  }
  const ceilingOf = (usageOf: RouteRequest['usageOf'], overrides: Partial<PlanInput> = {}) => {
    const route = planned({ ...exploring, request: request({ usageOf }), ...overrides })
    const [first] = route.candidates
    expect(order(route)).toEqual(['sonnet', 'gpt-4o'])
    return { ceiling: route.exploration?.ceiling, held: first && holdFor(route, first), most: first?.chargeCeiling }
  }

  it('is what the one that it replaces would charge for its usage, where they count differently', () => {
    const usageOf: RouteRequest['usageOf'] = ({ provider }) => (provider === 'sonnet' ? many : few)
    // Eight credits by the thousand at the one that is replaced, nine at the one that is tried out.
    expect(ceilingOf(usageOf)).toEqual({ ceiling: credits(32), held: credits(32), most: credits(36) })
  })

  it('is its own most where the one that it replaces has no price for so much', () => {
    const usageOf: RouteRequest['usageOf'] = ({ provider }) => (provider === 'sonnet' ? many : few)
    const limited: PricePredictor = {
      predict(sold, used, numbers) {
        const isTooMuch = sold.provider === 'gpt-4o' && used.some(({ quantity: amount }) => amount > quantity(3_000))
        return prices.predict(isTooMuch ? offer('nobody', 0, 0) : sold, used, numbers)
      },
    }
    expect(ceilingOf(usageOf, { prices: limited })).toEqual({ ceiling: credits(36), held: credits(36), most: credits(36) })
  })

  it('is the most of the one that it replaces where they count alike', () => {
    expect(ceilingOf(() => few)).toEqual({ ceiling: undefined, held: credits(16), most: credits(18) })
  })
})

describe('where accuracy comes first', () => {
  const configuration = presets.emergencyServices()
  const byModel: PricePredictor = { predict: ({ model }) => ({ charge: credits(model === 'large' ? 16 : 2) }) }
  const small = { ...offer('gpt-4o', 0.6, 300), model: 'small' }
  const large = { ...offer('gpt-4o', 0.9, 300), model: 'large' }
  const catalog = createCatalog([adapter('openai', [large, small])])
  const poor = { configuration, catalog, prices: byModel, affordable: credits(5) }

  it('a first choice that cannot be paid refuses the request, unless the caller has chosen the provider', () => {
    const refusal = plan(inputOf({ ...poor, request: request({ excludes: ['gpt-4'] }) }))
    expect(refusal).toMatchObject({ reason: 'insufficient_credits', needed: credits(16), available: credits(5) })
    const named = planned({ ...poor, request: request({ provider: 'gpt-4o' }) })
    expect(named.candidates.map(({ offer }) => offer.model)).toEqual(['small'])
  })

  it('a refusal says why every other offer is none', () => {
    const two = createCatalog([adapter('openai', [large]), adapter('anthropic', [offer('sonnet', 0.9, 600)])])
    const refusal = plan(inputOf({ ...poor, catalog: two, request: request({ excludes: ['sonnet'] }) }))
    expect(rejections(refusal)).toEqual({
      'gpt-4o': 'insufficient_credits: may cost 16 credits, there are 5',
      sonnet: 'excluded: the caller excluded it',
    })
  })

  it('one that nobody has configured gives way to a cheaper one', () => {
    const asked = request({ excludes: ['gpt-4o', 'gpt-4'] })
    const route = planned({ configuration, request: asked, affordable: credits(5) })
    expect(order(route).toSorted()).toEqual(['claude-3-haiku', 'gpt-4o-mini'])
    expect(rejections(route)).toMatchObject({ sonnet: 'insufficient_credits: may cost 18 credits, there are 5' })
  })
})
