import {
  type Credits,
  credits,
  FareboxError,
  type NanoUsd,
  type Offer,
  type OfferCapabilities,
  type ProviderAdapter,
  quantity,
  type UsageQuantity,
} from '@farebox/core'
import {
  createCatalog,
  type HealthReading,
  type HealthView,
  type PlanInput,
  type PricePredictor,
  plan,
  presets,
  type Route,
  type RouteRefusal,
  type RouteRequest,
} from '@farebox/router'

/** Credits by the thousand tokens of input, and of input that is cached. */
const rates: Record<string, [input: bigint, cached?: bigint]> = {
  'gpt-4o-mini': [1n],
  'claude-3-haiku': [1n],
  'gpt-4o': [8n, 4n],
  'gpt-4': [25n],
  sonnet: [9n, 1n],
}

class NoPrice extends FareboxError {
  override readonly code = 'PRICE_NOT_FOUND'
}

/** Exact to the micro-credit, and for the cost a thousandth of a dollar by the credit. */
export const prices: PricePredictor = {
  predict({ provider }, quantities) {
    const [input, cached] = rates[provider] ?? []
    let charge = 0n
    for (const { meter, quantity: amount } of quantities) {
      const rate = meter === 'cached_input' ? cached : input
      if (rate === undefined) throw new NoPrice(`no price for ${meter} of ${provider}`)
      charge += (amount * rate) / 1_000n
    }
    return { charge: charge as Credits, cost: charge as bigint as NanoUsd }
  },
}

const able: OfferCapabilities = { streaming: true, tools: true, images: true, contextTokens: 128_000 }

export function offer(provider: string, quality: number, latencyMs: number, capabilities: OfferCapabilities = {}): Offer {
  return { service: 'gpt', provider, model: provider, capabilities: { ...able, ...capabilities }, quality, latencyMs }
}

export function adapter(name: string, offers: Offer[], isSimulated = false): ProviderAdapter {
  const unused = () => Promise.reject(new Error('planning makes no calls'))
  const none = (): never => {
    throw new Error('planning makes no calls')
  }
  return { name, isSimulated, availability: { status: 'ready' }, offers, chat: unused, streamChat: none }
}

export const catalog = createCatalog([
  adapter('openai', [offer('gpt-4', 0.95, 900), offer('gpt-4o', 0.85, 500), offer('gpt-4o-mini', 0.6, 300)]),
  adapter('anthropic', [offer('claude-3-haiku', 0.55, 250), offer('sonnet', 0.9, 600)]),
])

function tokens(count: number): UsageQuantity[] {
  return [{ meter: 'input', quantity: quantity(count), unit: 'tokens' }]
}

export function request(overrides: Partial<RouteRequest> = {}): RouteRequest {
  return { service: 'gpt', operation: 'chat', expected: tokens(1_000), ceiling: tokens(2_000), ...overrides }
}

export function inputOf(overrides: Partial<PlanInput> = {}): PlanInput {
  return { request: request(), configuration: presets.balanced(), catalog, prices, affordable: credits(10_000), ...overrides }
}

export function planned(overrides: Partial<PlanInput> = {}): Route {
  const outcome = plan(inputOf(overrides))
  if (outcome.status === 'refused') throw new Error(outcome.message)
  return outcome
}

export function order(outcome: Route | RouteRefusal): string[] {
  return outcome.status === 'planned' ? outcome.candidates.map(({ offer }) => offer.provider) : [`refused: ${outcome.reason}`]
}

/** Why each provider is not a candidate. */
export function rejections(outcome: Route | RouteRefusal): Record<string, string> {
  return Object.fromEntries(outcome.rejected.map(({ offer, reason, detail }) => [offer.provider, `${reason}: ${detail}`]))
}

/** Readings by provider, where they differ from one that is well and unmeasured. */
export function health(readings: Record<string, Partial<HealthReading>>): HealthView {
  return {
    read(healthKey) {
      const found = Object.entries(readings).find(([provider]) => JSON.parse(healthKey)[2] === provider)?.[1]
      return { condition: 'ok', answerMs: undefined, firstEventMs: undefined, ...found }
    },
  }
}

/** Numbers from 0 up to 1, the same ones every time. */
export function dice(seed: number): () => number {
  let state = seed
  return () => {
    state = (state * 48_271) % 2_147_483_647
    return state / 2_147_483_647
  }
}

/** How often each provider is first of `times` routes. */
export function firsts(times: number, overrides: Partial<PlanInput>): Record<string, number> {
  const counts: Record<string, number> = {}
  for (let time = 0; time < times; time += 1) {
    const [first = ''] = order(planned(overrides))
    counts[first] = (counts[first] ?? 0) + 1
  }
  return counts
}
