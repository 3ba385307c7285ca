import { credits } from '@farebox/core'
import { expect, test } from 'vitest'
import type { Operation } from '../operations.ts'
import type { AccountRow } from '../rows.ts'
import { missingRows } from './needs.ts'
import { LedgerState } from './state.ts'

const account = { accountId: 'a', hasBudgets: true, nextDueAt: null, updatedAt: 0 } as AccountRow

function placedBy(spender: { userId?: string; apiKeyId?: string }): Operation {
  const input = { holdId: 'h', amount: credits(1), service: 'gpt', provider: 'gpt-4o', ...spender }
  return { verb: 'placeHold', accountId: 'a', idempotencyKey: null, input } as unknown as Operation
}

function budgetsFor(...operations: Operation[]): object[] {
  const state = new LedgerState()
  state.put({ kind: 'account', keys: [['a']] }, [account])
  return missingRows(state, operations, 1).filter(({ kind }) => /budget/i.test(kind))
}

test('of thousands of budgets, those of all and those of the spender are read', () => {
  const ada = { userId: 'ada', apiKeyId: 'key-1' }
  expect(budgetsFor(placedBy(ada), placedBy(ada), placedBy({ userId: 'bob' }))).toEqual([
    { kind: 'sharedBudgets', keys: [['a']] },
    {
      kind: 'userBudgets',
      keys: [
        ['a', 'ada'],
        ['a', 'bob'],
      ],
    },
    { kind: 'keyBudgets', keys: [['a', 'key-1']] },
  ])
  expect(budgetsFor(placedBy({}))).toEqual([{ kind: 'sharedBudgets', keys: [['a']] }])
})

test('nothing is spent where budgets of the spender have not been read', () => {
  const state = new LedgerState()
  state.put({ kind: 'account', keys: [['a']] }, [account])
  state.put({ kind: 'sharedBudgets', keys: [['a']] }, [])
  expect(state.budgetsOf('a', [{ service: 'gpt' }])).toEqual([])
  for (const spender of [{ userId: 'ada' }, { apiKeyId: 'key-1' }]) {
    expect(() => state.budgetsOf('a', [{ service: 'gpt', ...spender }])).toThrow('were not loaded')
  }
})
