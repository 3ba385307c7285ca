import { expect, test } from 'vitest'
import { decodeOutcome, encodeOutcome } from './outcome-json.ts'

test('an outcome comes back from the journal as it was, marked as a replay, with amounts beyond 2^53 intact', () => {
  const amounts = {
    amount: 1n,
    repaid: 0n,
    available: -5n,
    affordable: 2n ** 62n,
    charged: 3n,
    shortfall: 4n,
    balance: -(2n ** 62n),
    spent: 6n,
  }
  const outcome = { status: 'held', holdId: 'h', expiresAt: 5, late: false, affordableUnits: 7n, ...amounts, replayed: false }
  const json = JSON.parse(JSON.stringify(encodeOutcome(outcome)))
  expect(decodeOutcome(json)).toEqual({ ...outcome, replayed: true })
})
