import { microCredits } from '@farebox/core'
import fc from 'fast-check'
import { expect, test } from 'vitest'
import { type GrantRow, grantSources } from '../rows.ts'
import { burnOrder } from './burn-order.ts'

function grant(grantId: string, more: Partial<GrantRow> = {}): GrantRow {
  const amount = microCredits(1n)
  const base = {
    accountId: 'a',
    source: 'purchase',
    priority: 100,
    amount,
    remaining: amount,
    pinned: microCredits(0n),
    gone: microCredits(0n),
  } as const
  const open = { effectiveAt: 0, expiresAt: null, services: null, rollover: null, state: 'active', createdAt: 0 } as const
  return { ...base, ...open, grantId, ...more }
}

test('priority comes before expiry, expiry before what was free, that before age, and age before id', () => {
  const sorted = [
    grant('priority', { priority: 1, createdAt: 9 }),
    grant('soonest', { expiresAt: 5, createdAt: 9 }),
    grant('sooner', { expiresAt: 6, createdAt: 9 }),
    grant('free', { source: 'promo', createdAt: 9 }),
    grant('old', { createdAt: 1 }),
    grant('a', { createdAt: 2 }),
    grant('b', { createdAt: 2 }),
  ]
  expect(sorted.toReversed().sort(burnOrder)).toEqual(sorted)
})

test('the order does not depend on the order in which a database gives the rows', () => {
  const row = fc.record({
    priority: fc.integer({ min: 0, max: 2 }),
    expiresAt: fc.constantFrom(null, 5, 6),
    source: fc.constantFrom(...grantSources),
    createdAt: fc.integer({ min: 0, max: 2 }),
  })
  fc.assert(
    fc.property(fc.array(row), (rows) => {
      const grants = rows.map((fields, index) => grant(`g${index}`, fields))
      const sorted = grants.toSorted(burnOrder)
      expect(grants.toReversed().sort(burnOrder)).toEqual(sorted)
    }),
  )
})
