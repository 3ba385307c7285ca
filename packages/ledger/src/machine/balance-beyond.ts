import { CREDITS_MAX } from '@farebox/core'
import type { Failure } from '../operations.ts'
import type { Step } from './step.ts'

/** Why the account cannot receive `amount` more, because its balance would not fit a column, or `undefined` if it can. */
export function balanceBeyond({ state, account }: Step, amount: bigint, field: string): Failure | undefined {
  // Pending grants will be posted one day, and then there is no caller to tell that they do not fit.
  const pending = state.grants(account.accountId).reduce((sum, row) => (row.state === 'pending' ? sum + row.remaining : sum), 0n)
  if (account.posted + pending + amount <= CREDITS_MAX) return undefined
  return { status: 'failed', code: 'AMOUNT_OUT_OF_RANGE', field }
}
