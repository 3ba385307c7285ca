import { type Credits, credits, microCredits } from '@farebox/core'
import { expect, it } from 'vitest'
import { balanceJson, chargedJson, receiptOf } from './receipt.ts'

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
  expect(receiptOf(workflow, [], 1_000)).toEqual({
    workflow_id: 'w',
    workflow_name: 'work',
    services_used: [],
    total_credits_used: 5,
    duration: 0,
  })
})
