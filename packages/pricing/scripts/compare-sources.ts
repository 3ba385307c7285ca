/**
 * Lists the prices on which sources disagree: the list prices, the installed `@pydantic/genai-prices`, and LiteLLM's
 * `model_prices_and_context_window.json` where a copy is named:
 * `node --conditions=farebox-source packages/pricing/scripts/compare-sources.ts [litellm.json]`. Nothing is fetched or written.
 */
import { readFile } from 'node:fs/promises'
import { waitForUpdate } from '@pydantic/genai-prices'
import { defaultCostBook } from '../src/default-cost-book.ts'
import { type GenaiProvider, importGenaiPrices } from '../src/import/genai-prices.ts'
import type { EntryDocument, RateDocument } from '../src/import/imported-prices.ts'
import { importLitellm } from '../src/import/litellm.ts'
import { compare, decimal, divide, multiply, type Rational } from '../src/rational.ts'
import { unitsIn } from '../src/units.ts'

const [litellm] = process.argv.slice(2)
const checked = new Date().toISOString().slice(0, 10)
const book = namesOf(defaultCostBook.entries(Date.now()).entries)
const genai = importGenaiPrices((await waitForUpdate()) as readonly GenaiProvider[], {
  source: 'genai-prices',
  checked,
  vendors: ['openai', 'anthropic', 'google', 'mistral', 'deepseek', 'x-ai', 'cohere', 'groq'],
  servicesOf: () => ['any'],
}).entries
const others = [
  ['genai-prices', genai],
  ['LiteLLM', litellm ? importLitellm(JSON.parse(await readFile(litellm, 'utf8')), { source: litellm, checked }).entries : []],
] as const

const disagreements: { price: string; list: string; other: string; by: string }[] = []
for (const [by, entries] of others) {
  let compared = 0
  for (const entry of entries) {
    const name = entry.provider.slice(entry.provider.lastIndexOf('/') + 1)
    const own = book.get(`${entry.vendor} ${name}`)
    if (!own) continue
    for (const rate of entry.rates) {
      const same = own.rates.find(
        (one) => (one.meter === rate.meter || one.meter === undefined) && unitsIn(one.unit, rate.unit) !== undefined,
      )
      if (!same) continue
      compared += 1
      if (!isSame(same, rate)) {
        disagreements.push({ price: `${name}: ${rate.unit} of ${rate.meter}`, list: text(same), other: text(rate), by })
      }
    }
  }
  console.log(`${compared} prices of the list compared with ${by}`)
}
for (const { price, list, other, by } of unique(disagreements)) console.log(`${price}: ${list} here, ${other} by ${by}`)

console.log('\nRows that say themselves that their sources disagree, or that they are weak:')
for (const { provider, model, confidence, note } of defaultCostBook.entries(Date.now()).entries) {
  if (confidence !== 'sources_disagree' && confidence !== 'weak') continue
  console.log(`${[provider, model].filter(Boolean).join(' ')} (${confidence}): ${note ?? ''}`)
}

/** Rows by vendor and every exact name; the first of a name is the one. */
function namesOf(entries: readonly EntryDocument[]): Map<string, EntryDocument> {
  const names = new Map<string, EntryDocument>()
  for (const entry of entries) {
    for (const name of [entry.model ?? entry.provider, ...(entry.aliases ?? [])]) {
      const key = `${entry.vendor ?? entry.provider} ${name}`
      if (!names.has(key)) names.set(key, entry)
    }
  }
  return names
}

function isSame(a: RateDocument, b: RateDocument): boolean {
  const [priceOfA, priceOfB] = [priceOf(a, a), priceOf(b, a)]
  if (priceOfA && priceOfB) return compare(priceOfA, priceOfB) === 0
  return JSON.stringify(a.tiers?.steps) === JSON.stringify(b.tiers?.steps)
}

/** The price of one unit of `as`, where there is one price. */
function priceOf({ amount, per = '1', unit }: RateDocument, as: RateDocument): Rational | undefined {
  const conversion = unitsIn(unit, as.unit)
  if (amount === undefined || !conversion) return undefined
  return multiply(divide(decimal(amount), decimal(per)), conversion)
}

function text({ amount, per, unit, tiers }: RateDocument): string {
  const price = amount ?? tiers?.steps.map((step) => `${step.above ? `above ${step.above}: ` : ''}${step.amount}`).join(', ')
  return `${price} per ${per === undefined || per === '1' ? '' : `${per} `}${unit}`
}

/** A model serves several services at one price: its disagreement is one. */
function unique<Row extends object>(rows: readonly Row[]): Row[] {
  return [...new Map(rows.map((row) => [JSON.stringify(row), row])).values()]
}
