import fc from 'fast-check'
import { expect } from 'vitest'
import type { Operation, Outcome } from '../../packages/ledger/src/operations.ts'
import { Choices } from './choices.ts'
import { randomAccount, randomOperation, randomWait } from './random-operation.ts'
import { ReferenceLedger } from './reference-ledger.ts'

/** A Wednesday in July, and the days before clocks change: in Berlin, and in St. John's a week later. */
const STARTS = [Date.UTC(2026, 6, 15, 12, 0, 30), Date.UTC(2026, 2, 28, 12, 0, 30), Date.UTC(2026, 9, 31, 20, 0, 30)] as const
const ACCOUNTS = 2

/** Histories: each step is the seed of what is asked then. */
export const histories = fc.array(fc.noBias(fc.nat()), { minLength: 3, maxLength: 120, size: 'max' })

/**
 * Lets the reference and a real ledger live through the same history, and expects the same answers at every step.
 *
 * @param name    a name that no other history on the same storage has
 * @param commit  asks the real ledger, at a time of the store's clock
 * @param pendingTopUp  the top-up that an account awaits there. Without it nobody can answer one
 */
export async function expectSameHistory(
  name: string,
  seeds: readonly number[],
  commit: (operations: readonly Operation[], now: number) => Outcome[] | Promise<Outcome[]>,
  pendingTopUp?: (accountId: string) => string | null | Promise<string | null>,
): Promise<ReferenceLedger> {
  const reference = new ReferenceLedger()
  const earlier: Operation[] = []
  let now: number = STARTS[(seeds[0] ?? 0) % STARTS.length] ?? STARTS[0]
  let batch: { operation: Operation; expected: Outcome }[] = []
  for (const [index, seed] of seeds.entries()) {
    const choices = Choices.fromSeed(seed)
    // Most steps are a batch of their own; what shares one shares its time.
    if (batch.length === 0) now += randomWait(choices)
    const operation =
      index < ACCOUNTS
        ? randomAccount(choices, `${name}-${index}`)
        : keyless(choices, randomOperation(choices, reference, index, now, earlier))
    earlier.push(operation)
    batch.push({ operation, expected: reference.do(operation, now) })
    if (choices.happens(20) && index < seeds.length - 1) continue
    const operations = batch.map((each) => each.operation)
    expect(await commit(operations, now), told(operations)).toEqual(batch.map(({ expected }) => expected))
    batch = []
    if (!pendingTopUp) continue
    for (const [accountId, account] of reference.accounts) {
      const topUpId = await pendingTopUp(accountId)
      expect(account.learnTopUp(topUpId), `${accountId} awaits the top-up ${topUpId} after ${told(operations)}`).toBe(true)
    }
  }
  return reference
}

/** Half of those who revoke a grant name no key, so that the ledger makes it of the grant's id. */
function keyless(choices: Choices, operation: Operation): Operation {
  if (operation.verb !== 'revokeGrant' || choices.happens(50)) return operation
  return { ...operation, idempotencyKey: `revokeGrant:${operation.input.grantId}` }
}

function told(operations: readonly Operation[]): string {
  return JSON.stringify(operations, (_, value) => (typeof value === 'bigint' ? `${value}n` : value))
}
