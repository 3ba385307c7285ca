import { credits, microCredits, quantity } from '@farebox/core'
import type { UsageRow } from '@farebox/ledger'
import { defaultPriceBook } from '@farebox/pricing'
import { expect, it } from 'vitest'
import { explainCharges } from './explain-charges.ts'
import { type RecordedCall, recordedCalls } from './replay/recorded-call.ts'
import { replayWorkflow } from './replay/replay-workflow.ts'

const COUNT = 3_000

/** How often others had their turn while `work` went on. */
async function turnsDuring(work: () => Promise<unknown>): Promise<number> {
  let turns = 0
  let isOver = false
  const others = () => {
    turns += 1
    if (!isOver) setImmediate(others)
  }
  setImmediate(others)
  await work()
  isOver = true
  return turns
}

function rows(count = COUNT): UsageRow[] {
  return Array.from({ length: count }, (_, index) => ({
    accountId: 'ada',
    usageId: `u${index}`,
    sequence: index + 1,
    workflowId: 'w',
    holdId: null,
    service: 'phone',
    provider: 'twilio',
    model: null,
    quantity: quantity(1),
    unit: 'seconds',
    rated: microCredits(333_333n),
    charged: credits(index % 3 === 0 ? 1 : 0),
    shortfall: microCredits(0n),
    cost: null,
    certainty: 'exact',
    priceVersion: null,
    lots: [],
    apiKeyId: null,
    userId: null,
    details: { call: 'a', meter: 'usage', at: 0 },
    corrects: null,
    createdAt: index,
  }))
}

it('explains the last of many slices of a call by what they come to together, not by each of them again', async () => {
  const [version] = defaultPriceBook.versions()
  // By each of those before it, so many would take a quarter of an hour.
  const sliced = rows(20_000).map((row) => ({
    ...row,
    priceVersion: version?.version ?? '',
    details: { call: 'a', meter: 'usage', at: version?.from ?? 0 },
  }))
  const charges = await explainCharges(sliced, defaultPriceBook)
  expect(charges).toHaveLength(20_000)
  expect(charges.at(-1)?.explanation?.lines).toHaveLength(1)
})

it('lets others have their turn while the charges of a long workflow are explained', async () => {
  expect(await turnsDuring(() => explainCharges(rows(), defaultPriceBook))).toBeGreaterThanOrEqual(5)
})

it('lets others have their turn while the calls of a long workflow are put together and replayed', async () => {
  expect(await turnsDuring(() => recordedCalls(rows()))).toBeGreaterThanOrEqual(5)
  const calls: RecordedCall[] = await recordedCalls(rows().map((row) => ({ ...row, details: null })))
  const replayed = calls.map((call) => ({ call, replayed: { isSame: true } as const }))
  expect(await turnsDuring(() => replayWorkflow(replayed, () => microCredits(1n)))).toBeGreaterThanOrEqual(5)
})
