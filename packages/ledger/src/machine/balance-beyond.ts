import { CREDITS_MAX } from '@farebox/core'
import type { Failure } from '../operations.ts'
import type { Step } from './step.ts'

/** Why `amount` more cannot be given to the account: its balance would not fit a column. `undefined` when it can. */
export function balanceBeyond({ state, account }: Step, amount: bigint, field: string): Failure | undefined {
  // What is pending will be posted one day, when nobody can be told that it does not fit.
  const pending = state.grants(account.accountId).reduce((sum, row) => (row.state === 'pending' ? sum + row.remaining : sum), 0n)
  if (account.posted + pending + amount <= CREDITS_MAX) return undefined
  return { status: 'failed', code: 'AMOUNT_OUT_OF_RANGE', field }
}
