import { credits } from '@farebox/core'
import { expect, test } from 'vitest'
import type { AccountRow, GrantRow } from '../rows.ts'
import { advance } from './advance.ts'
import { returnLots } from './return-lots.ts'
import { LedgerState } from './state.ts'

const account = (): AccountRow => ({
  accountId: 'a',
  name: 'Ada',
  creditLimit: credits(0),
  debtLimit: credits(0),
  posted: credits(0),
  held: credits(0),
  debt: credits(0),
  creditHeld: credits(0),
  nextDueAt: null,
  hasBudgets: false,
  isFrozen: false,
  alerts: null,
  sequence: 1,
  chainHash: '',
  createdAt: 0,
  updatedAt: 0,
})

const spent: GrantRow = {
  accountId: 'a',
  grantId: 'g',
  source: 'purchase',
  priority: 100,
  amount: credits(5),
  remaining: credits(0),
  pinned: credits(0),
  gone: credits(0),
  effectiveAt: 0,
  expiresAt: 100,
  services: null,
  rollover: null,
  state: 'spent',
  createdAt: 0,
}

test('what goes back to a spent grant can be spent again, and expires with it', () => {
  const state = new LedgerState()
  const row = account()
  state.put({ kind: 'grant', keys: [['a', 'g']] }, [{ ...spent }])
  returnLots({ state, account: row, now: 50 }, [{ grantId: 'g', amount: credits(3) }], credits(3), 'c')
  expect(state.grants('a')).toMatchObject([{ grantId: 'g', state: 'active', remaining: credits(3) }])
  expect([row.posted, row.nextDueAt]).toEqual([credits(3), 100])
  advance(state, row, 100)
  expect([row.posted, state.grant('a', 'g')?.state]).toEqual([credits(0), 'expired'])
})

test('more is not given back than was drawn, since the balance would grow beyond what its grants are worth', () => {
  const state = new LedgerState()
  state.put({ kind: 'grant', keys: [['a', 'g']] }, [{ ...spent }])
  const step = { state, account: account(), now: 50 }
  const drawn = [{ grantId: 'g', amount: credits(2) }]
  expect(() => returnLots(step, drawn, credits(3), 'c')).toThrow('gives back 1000000 more')
})

test('what would go back to a grant on the day of its end becomes a grant of its own, that never ends', () => {
  const state = new LedgerState()
  const row = account()
  state.put({ kind: 'grant', keys: [['a', 'g']] }, [{ ...spent }])
  const drawn = [{ grantId: 'g', amount: credits(2) }]
  const { postings } = returnLots({ state, account: row, now: 100 }, drawn, credits(2), 'c')
  expect(state.grants('a')).toMatchObject([{ grantId: 'refund:c:1', source: 'refund', remaining: credits(2), expiresAt: null }])
  expect(postings).toEqual([
    ['refunded', credits(2)],
    ['granted', -credits(2)],
  ])
})
