import { quantity, type UsageQuantity } from '@farebox/core'
import { nanoUsdOf, PriceBook, rate, rateEntry } from '@farebox/pricing'
import { type GenaiProvider, importedBook, importGenaiPrices } from '@farebox/pricing/import'
import { calcPrice, waitForUpdate } from '@pydantic/genai-prices'
import { median, ratio } from './measure.ts'

/**
 * Rating one usage record, against `calcPrice` of @pydantic/genai-prices in the same run: both look the model up by its vendor's name
 * among the same prices, and price a chat of three or four buckets. Ours gives whole nano-dollars, theirs a float.
 */
const ROUNDS = 15
const OPERATIONS = 20_000
const at = Date.parse('2026-11-21T12:00:00Z')
const timestamp = new Date(at)

interface Case {
  what: string
  vendor: string
  model: string
  theirs: Record<string, number>
  ours: UsageQuantity[]
}

const data = (await waitForUpdate()) as readonly GenaiProvider[]
const source = { source: 'npm @pydantic/genai-prices', checked: '2026-11-20' }
const { entries } = importGenaiPrices(data, { ...source, vendors: undefined })
const book = new PriceBook(importedBook({ entries }, { name: 'genai', version: '1', effectiveFrom: '2025-01-01T00:00:00Z' }))

const cases: Case[] = [
  chat('plain prices', 'openai', 'gpt-4o-mini', { input: 2_000, cached: 1_000, output: 700 }),
  chat('plain prices', 'anthropic', 'claude-3-haiku', { input: 2_000, cached: 0, output: 700 }),
  chat('tiers of the whole request, below', 'google', 'gemini-2.5-pro', { input: 2_000, cached: 1_000, output: 700 }),
  chat('tiers of the whole request, above', 'google', 'gemini-2.5-pro', { input: 250_000, cached: 1_000, output: 700 }),
]

const mismatches = cases.flatMap(({ vendor, model, theirs, ours }) => {
  const expected = calcPrice(theirs, model, { providerId: vendor, timestamp })?.total_price
  const found = Number(nanoUsdOf(rate(book, query(model), ours))) / 1e9
  // Whole nano-dollars are rounded up from what a float says to some fifteen digits.
  return expected !== undefined && found >= expected - 1e-12 && found - expected < 1.000001e-9 ? [] : [{ model, expected, found }]
})

const results = cases.map((one) => ({ case: one, ours: [] as number[], theirs: [] as number[] }))
const lookUps: number[] = []
const plain = cases[0] as Case
const names = entries.filter(({ service }) => service === 'gpt').map(({ provider }) => query(provider))
let sum = 0
for (let round = 0; round < ROUNDS; round++) {
  for (const result of round % 2 === 0 ? results : [...results].reverse()) {
    const { vendor, model, theirs, ours } = result.case
    const asked = query(model)
    const rateOurs = () => (sum += Number(nanoUsdOf(rate(book, asked, ours))))
    const rateTheirs = () => (sum += calcPrice(theirs, model, { providerId: vendor, timestamp })?.total_price ?? Number.NaN)
    const order = round % 2 === 0 ? [rateOurs, rateTheirs] : [rateTheirs, rateOurs]
    for (const work of order) (work === rateOurs ? result.ours : result.theirs).push(nanoseconds(work))
  }
  let next = 0
  lookUps.push(nanoseconds(() => (sum += book.find(names[next++ % names.length] as (typeof names)[number]).entry.rates.length)))
}

const asked = query(plain.model)
const found = book.find(asked)
const ratings = Array.from({ length: ROUNDS }, () =>
  nanoseconds(() => (sum += Number(rateEntry(found, asked, plain.ours).total.numerator))),
)

const phone = new PriceBook({
  name: 'phone',
  currency: 'usd',
  versions: [
    {
      version: '1',
      effective_from: '2025-01-01T00:00:00Z',
      entries: [
        {
          service: 'phone',
          provider: 'twilio',
          rates: [{ unit: 'minutes', amount: '0.014', increment: { first: '1', next: '1' } }],
          connect_fee: '0.005',
          minimum_charge: '0.02',
        },
      ],
    },
  ],
})
const call = [{ meter: 'duration', quantity: quantity('61.5'), unit: 'seconds' as const }]
const calls = Array.from({ length: ROUNDS }, () =>
  nanoseconds(() => (sum += Number(nanoUsdOf(rate(phone, { service: 'phone', provider: 'twilio', at }, call))))),
)

const micro = (values: readonly number[]) => `${(median(values) / 1_000).toFixed(2)} µs`
console.table(
  results.map(({ case: { what, model }, ours, theirs }) => ({
    what,
    model,
    'look up and rate': micro(ours),
    calcPrice: micro(theirs),
    'times as fast': ratio(theirs.map((value, round) => value / (ours[round] ?? Number.NaN))),
  })),
)
console.log(
  `look-up among ${entries.length} rows: ${micro(lookUps)} [${micro([Math.min(...lookUps)])}..${micro([Math.max(...lookUps)])}]`,
)
console.log(`rating alone, looked up before: ${micro(ratings)}`)
console.log(`a phone call with an increment, a connect fee and a minimum charge: ${micro(calls)}`)
console.log(`mismatches: ${mismatches.length} of ${cases.length}`, ...mismatches)
if (mismatches.length > 0 || Number.isNaN(sum)) process.exitCode = 1

function query(provider: string) {
  return { service: 'gpt', provider, at }
}

/** The same usage in both forms: their input counts cached tokens too, ours does not. */
function chat(what: string, vendor: string, model: string, used: { input: number; cached: number; output: number }): Case {
  const { input, cached, output } = used
  const theirs = { input_tokens: input + cached, cache_read_tokens: cached, output_tokens: output }
  const ours = Object.entries({ input, cached_input: cached, output }).map(([meter, count]) => ({
    meter,
    quantity: quantity(count),
    unit: 'tokens' as const,
  }))
  return { what, vendor, model, theirs, ours }
}

/** Of one operation, on average over many. */
function nanoseconds(work: () => unknown): number {
  const started = process.hrtime.bigint()
  for (let count = 0; count < OPERATIONS; count++) work()
  return Number(process.hrtime.bigint() - started) / OPERATIONS
}
