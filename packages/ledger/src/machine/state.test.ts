import { credits } from '@farebox/core'
import { expect, test } from 'vitest'
import type { GrantRow, HoldRow } from '../rows.ts'
import { OneAccount } from '../testing/one-account.ts'
import { KeySet, restOf } from './key-set.ts'
import { LedgerState } from './state.ts'

function rows(): { grants: GrantRow[]; hold: (holdId: string, more?: Partial<HoldRow>) => HoldRow } {
  const ledger = new OneAccount(10)
  ledger.do('grant', { grantId: 'early', amount: credits(5), priority: 1 })
  ledger.do('placeHold', { holdId: 'h', amount: credits(1) })
  const hold = ledger.hold('h')
  return { grants: ledger.all('grants'), hold: (holdId, more) => ({ ...hold, holdId, ...more }) }
}

test('a row that is loaded twice is one object, and the first is kept', () => {
  const state = new LedgerState()
  const { hold } = rows()
  state.put({ kind: 'hold', keys: [['a', 'h']] }, [hold('h')])
  const first = state.hold('a', 'h')
  state.put({ kind: 'openHolds', keys: [['a']] }, [hold('h'), hold('i')])
  expect(state.hold('a', 'h')).toBe(first)
  expect(state.openHolds('a').map(({ holdId }) => holdId)).toEqual(['h', 'i'])
})

test('what was asked for is known to be there or not', () => {
  const state = new LedgerState()
  expect(state.has('hold', ['a', 'h'])).toBe(false)
  state.put({ kind: 'hold', keys: [['a', 'h']] }, [])
  expect(state.has('hold', ['a', 'h'])).toBe(true)
  expect(state.has('hold', ['a', 'i'])).toBe(false)
  expect(state.has('usage', ['a', 'h'])).toBe(false)
  expect(state.has('hold', ['b', 'h'])).toBe(false)
  expect(state.hold('a', 'h')).toBeUndefined()
  expect(state.grants('a')).toEqual([])
  expect(state.budgets('a')).toEqual([])
})

test('open holds are the oldest first, by id where they are as old, and those of a workflow alone where that is asked', () => {
  const state = new LedgerState()
  const { hold } = rows()
  const holds = [
    hold('z', { createdAt: 1 }),
    hold('c', { createdAt: 2, workflowId: 'w' }),
    hold('b', { createdAt: 2 }),
    hold('d', { createdAt: 2, workflowId: 'w' }),
    hold('ended', { createdAt: 0, state: 'settled', workflowId: 'w' }),
  ]
  state.put({ kind: 'openHolds', keys: [['a']] }, holds)
  expect(state.openHolds('a').map(({ holdId }) => holdId)).toEqual(['z', 'b', 'c', 'd'])
  expect(state.openHolds('a', 'w').map(({ holdId }) => holdId)).toEqual(['c', 'd'])
  expect(state.openHolds('b')).toEqual([])
})

test('grants are in the order in which they are spent, also one that is new or comes back', () => {
  const state = new LedgerState()
  const { grants } = rows()
  const ids = () => state.grants('a').map(({ grantId }) => grantId)
  state.put({ kind: 'grants', keys: [['a'], ['b']] }, grants)
  expect(ids()).toEqual(['early', 'first'])
  expect(state.grants('b')).toEqual([])
  const [first] = grants
  if (!first) throw new Error('there is no grant')
  state.insert('grants', { ...first, grantId: 'new', priority: 0 })
  expect(ids()).toEqual(['new', 'early', 'first'])
  expect(state.grant('a', 'new')?.priority).toBe(0)
  const early = state.grant('a', 'early')
  if (!early) throw new Error('there is no grant')
  state.dropGrant(early)
  state.dropGrant(early)
  expect(ids()).toEqual(['new', 'first'])
  state.reviveGrant(early)
  state.reviveGrant(early)
  expect(ids()).toEqual(['new', 'early', 'first'])
})

test('what changed is written, each row once, and nothing else', () => {
  const state = new LedgerState()
  const { grants, hold } = rows()
  state.put({ kind: 'grants', keys: [['a']] }, grants)
  expect(Object.values(state.changes()).flat()).toEqual([])
  const [first] = state.grants('a')
  if (!first) throw new Error('there is no grant')
  state.touch('grants', first)
  state.touch('grants', first)
  const placed = hold('new')
  state.insert('holds', placed)
  const { grants: changed, holds, ...others } = state.changes()
  expect([changed, holds]).toEqual([[first], [placed]])
  expect(Object.values(others).flat()).toEqual([])
})

test('keys are told apart by kind, by account and by every further part', () => {
  const keys = new KeySet()
  expect(keys.add('document', ['a', 'b', 'c'])).toBe(true)
  expect(keys.add('document', ['a', 'b', 'c'])).toBe(false)
  expect(keys.has('document', ['a', 'b', 'c'])).toBe(true)
  expect(keys.has('document', ['a', 'b', 'd'])).toBe(false)
  expect(keys.has('document', ['a', 'bc'])).toBe(false)
  expect(keys.has('entry', ['a', 'b', 'c'])).toBe(false)
  expect(keys.has('document', ['b', 'b', 'c'])).toBe(false)
  expect([restOf(['a']), restOf(['a', 'b']), restOf(['a', 'b', 'c'])]).toEqual(['', 'b', 'b\0c'])
})
