import { type Credits, credits, microCredits, nanoUsd, quantity } from '@farebox/core'
import type { UsageRow } from '@farebox/ledger'
import { expect, it } from 'vitest'
import { chargesOf } from './charges-of.ts'
import { balanceJson, chargedJson, receiptOf } from './receipt.ts'

const workflow = {
  accountId: 'a',
  workflowId: 'w',
  name: 'work',
  businessAdapter: null,
  userId: null,
  apiKeyId: null,
  parentId: null,
  state: 'open' as const,
  maxCredits: null,
  spent: credits(5),
  reserve: null,
  held: credits(0),
  lines: [],
  createdAt: 2_000,
  closedAt: null,
}

it.each<[string, Credits, number, number]>([
  ['nothing', credits(0), 0, 0],
  ['the least there is', microCredits(1n), 1, 0],
  ['a whole credit', credits(1), 1, 1],
  ['a credit and a bit', credits('1.000001'), 2, 1],
  ['the most that a change may name', credits(1_000_000_000), 1_000_000_000, 1_000_000_000],
])('%s is never shown as less charged or more owned than it is', (_, amount, charged, balance) => {
  expect([chargedJson(amount), balanceJson(amount)]).toEqual([charged, balance])
})

it('a debt is never shown smaller than it is', () => {
  expect([credits('-0.1'), credits(-1), credits('-1.5')].map(balanceJson)).toEqual([-1, -1, -2])
})

it('what was given back is never shown larger than it is', () => {
  expect([credits('-0.1'), credits(-1), credits('-1.5'), credits(-40)].map(chargedJson)).toEqual([0, -1, -1, -40])
})

it('a receipt shows a shortfall only where there is one, and no negative duration when clocks disagree', () => {
  expect(receiptOf(workflow, [], 1_000)).toEqual({
    workflow_id: 'w',
    workflow_name: 'work',
    services_used: [],
    total_credits_used: 5,
    duration: 0,
  })
})

const attempt = (id: string, outcome = 'succeeded') => ({
  id,
  outcome,
  cause: 'first',
  why: 'primary',
  startedAt: 1_000,
  endedAt: 2_000,
})

function record(usageId: string, fields: Partial<UsageRow>): UsageRow {
  return {
    accountId: 'a',
    usageId,
    sequence: 1,
    workflowId: 'w',
    holdId: null,
    service: 'gpt',
    provider: 'gpt-4o',
    model: null,
    quantity: quantity(1),
    unit: 'tokens',
    rated: credits(1),
    charged: credits(1),
    shortfall: credits(0),
    cost: nanoUsd(1_000_000n),
    certainty: 'exact',
    priceVersion: 'p@1',
    lots: [],
    apiKeyId: null,
    userId: null,
    details: null,
    corrects: null,
    createdAt: 2_000,
    ...fields,
  }
}

it('a receipt shows lines that were taken back, or could not be charged, and leaves out empty ones', () => {
  const line = { service: 'gpt', unit: 'tokens' as const, priceVersion: 'p@1' }
  const none = { quantity: quantity(0), charged: credits(0), shortfall: credits(0) }
  const lines = [
    { ...line, ...none, provider: 'empty' },
    { ...line, ...none, provider: 'back', charged: credits(-1) },
    { ...line, ...none, provider: 'short', shortfall: credits(2) },
  ] as unknown as Parameters<typeof receiptOf>[0]['lines']
  const receipt = receiptOf({ ...workflow, lines, closedAt: 5_000 }, [], 9_000)
  expect(receipt.services_used.map(({ provider }) => provider)).toEqual(['back', 'short'])
  expect([receipt.shortfall, receipt.duration]).toEqual([2, 3])
})

it('an attempt of several records costs their sum with corrections, and is as certain as the least of them', () => {
  const parts = [
    record('h.part1', { certainty: 'floor', details: { attempt: 'x' } }),
    record('h', { details: { attempt: 'x', attempts: [attempt('x')] } }),
    record('fix', { charged: credits(-1), cost: nanoUsd(500_000n), corrects: 'h' }),
  ]
  const [only, ...others] = receiptOf(workflow, parts, 9_000).attempts ?? []
  expect(only).toMatchObject({ attempt_id: 'x', certainty: 'floor', credits_used: 1, cost_usd: '0.0025' })
  expect(others).toEqual([])
  const unknown = [record('h.part1', { cost: null, details: { attempt: 'x' } }), ...parts.slice(1)]
  expect(receiptOf(workflow, unknown, 9_000).attempts?.[0]).not.toHaveProperty('cost_usd')
})

it("a receipt describes an attempt by its own record, and keeps the latest calls' attempts", () => {
  const own = record('failed', { details: { attempt: 'x', attempts: [attempt('x', 'cut')] } })
  const answer = record('answer', { details: { attempt: 'y', attempts: [attempt('x'), attempt('y')] } })
  expect(receiptOf(workflow, [answer, own], 9_000).attempts?.map(({ outcome }) => outcome)).toEqual(['cut', 'succeeded'])
  const many = Array.from({ length: 1_001 }, (_, index) =>
    record(`u${index}`, { details: { attempt: `a${index}`, attempts: [attempt(`a${index}`)] } }),
  )
  const ids = receiptOf(workflow, many, 9_000).attempts?.map(({ attempt_id }) => attempt_id)
  expect([ids?.length, ids?.[0], ids?.at(-1)]).toEqual([1_000, 'a1', 'a1000'])
})

it('what was free and then charged by a correction can be given back, and never less than nothing', () => {
  const free = record('free', { charged: credits(0) })
  const fixed = record('fix', { charged: credits(3), corrects: 'free' })
  expect(chargesOf([free])).toEqual([])
  expect(chargesOf([free, fixed])).toEqual([{ record: free, refundable: credits(3) }])
})
