import { credits, microCredits, type Offer, type ProviderAdapter, quantity } from '@farebox/core'
import { createCatalog, type HealthView, type PlanInput, type PricePredictor, plan, presets } from '@farebox/router'
import { median, ratio } from './measure.ts'

/**
 * Planning one request, against a naive sort of the same candidates in the same run: copy the offers, look up each price, compare by
 * charge. What planning adds to that is filters, health, scores, limits, reasons and the hold. Predicting is a look-up here, because
 * rating has a benchmark of its own.
 */
const ROUNDS = 15
const OPERATIONS = 5_000
const SIZES = [5, 50]
const tokens = [{ meter: 'input', quantity: quantity(1_500), unit: 'tokens' as const }]

let sum = 0
for (const size of SIZES) {
  const cases = casesOf(size)
  const results = cases.map(() => ({ ours: [] as number[], theirs: [] as number[] }))
  for (let round = 0; round < ROUNDS; round++) {
    for (const [index, { input }] of cases.entries()) {
      const own = () => {
        const route = plan(input)
        sum += route.status === 'planned' ? route.candidates.length : Number.NaN
      }
      const naive = () => (sum += naiveSort(input).length)
      const order = round % 2 === 0 ? [own, naive] : [naive, own]
      for (const work of order) results[index]?.[work === own ? 'ours' : 'theirs'].push(microseconds(work))
    }
  }
  console.log(`${size} candidates`)
  console.table(
    cases.map(({ what }, index) => {
      const { ours = [], theirs = [] } = results[index] ?? {}
      return {
        what,
        'plan µs': median(ours).toFixed(2),
        'fastest round µs': Math.min(...ours).toFixed(2),
        'naive sort µs': median(theirs).toFixed(2),
        'times the naive sort': ratio(ours.map((value, round) => value / (theirs[round] ?? Number.NaN))),
      }
    }),
  )
}
if (Number.isNaN(sum)) process.exitCode = 1

function naiveSort({ catalog, prices }: PlanInput) {
  const priced = catalog.forService('gpt').map(({ offer }) => ({ offer, charge: prices.predict(offer, tokens).charge }))
  return priced.sort((left, right) => Number(left.charge - right.charge))
}

function casesOf(size: number): { what: string; input: PlanInput }[] {
  const offers = Array.from({ length: size }, (_, index) => offer(index))
  const charges = new Map(
    offers.map(({ provider }, index) => [provider, { charge: microCredits(BigInt(1 + ((index * 37) % 101))) }]),
  )
  const prices: PricePredictor = { predict: ({ provider }) => charges.get(provider) ?? { charge: credits(1) } }
  const names = ['openai', 'anthropic', 'google', 'others', 'simulated']
  const catalog = createCatalog(
    names.map((name, place) =>
      adapter(
        name,
        offers.filter((_, index) => index % names.length === place),
      ),
    ),
  )
  const health: HealthView = {
    read: () => ({ condition: 'ok', answerMs: 900, firstEventMs: 300, errorRate: 0.02, rateLimitedRate: 0.01, samples: 12 }),
  }
  const request = { service: 'gpt', operation: 'chat' as const, expected: tokens, ceiling: tokens }
  const base = { request, catalog, prices, health, affordable: credits(1_000), random: Math.random }
  const strategies = ['configured', 'lowest_cost', 'lowest_latency', 'weighted', 'balanced'] as const
  const configurationOf = (strategy: (typeof strategies)[number]) =>
    presets.balanced({ primaryAiModel: 'model-7', strategy, weights: { 'model-3': 2, 'model-4': 1 } })
  return strategies.map((strategy) => ({ what: strategy, input: { ...base, configuration: configurationOf(strategy) } }))
}

function offer(index: number): Offer {
  const capabilities = { streaming: true, tools: true, images: true, contextTokens: 128_000, regions: ['eu', 'us'] }
  const provider = `model-${index}`
  return { service: 'gpt', provider, model: provider, capabilities, quality: (index % 10) / 10, latencyMs: 200 + index * 7 }
}

function adapter(name: string, offers: Offer[]): ProviderAdapter {
  const unused = () => Promise.reject(new Error('planning makes no calls'))
  return { name, isSimulated: name === 'simulated', availability: { status: 'ready' }, offers, chat: unused }
}

/** Of one operation, on average over many. */
function microseconds(work: () => unknown): number {
  const started = process.hrtime.bigint()
  for (let count = 0; count < OPERATIONS; count++) work()
  return Number(process.hrtime.bigint() - started) / OPERATIONS / 1_000
}
