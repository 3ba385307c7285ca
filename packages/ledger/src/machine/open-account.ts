import { microCredits } from '@farebox/core'
import type { Failure, Operation, Outcome } from '../operations.ts'
import type { AccountRow } from '../rows.ts'
import { appendEntry, GENESIS_HASH } from './journal.ts'
import { encodeOutcome } from './outcome-json.ts'
import type { LedgerState } from './state.ts'

/** Opens an account with an empty balance, and begins its journal. */
export function openAccount(
  state: LedgerState,
  operation: Extract<Operation, { verb: 'openAccount' }>,
  content: Record<string, string>,
  now: number,
): Outcome {
  const { accountId, idempotencyKey, input, verb } = operation
  if (state.account(accountId))
    return { status: 'failed', code: 'ALREADY_EXISTS', what: 'account', id: accountId } satisfies Failure
  const zero = microCredits(0n)
  const account: AccountRow = {
    accountId,
    name: input.name,
    creditLimit: input.creditLimit,
    debtLimit: input.debtLimit,
    posted: zero,
    held: zero,
    debt: zero,
    creditHeld: zero,
    nextDueAt: null,
    hasBudgets: false,
    isFrozen: false,
    alerts: null,
    sequence: 0,
    chainHash: GENESIS_HASH,
    createdAt: now,
    updatedAt: now,
  }
  state.insert('accounts', account)
  const outcome = { status: 'opened' as const, accountId, replayed: false }
  appendEntry(state, account, { verb, idempotencyKey, content, outcome: encodeOutcome(outcome), postings: [] }, now)
  return outcome
}
