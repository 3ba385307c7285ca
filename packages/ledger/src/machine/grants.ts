import { CREDITS_MAX, microCredits } from '@farebox/core'
import type { Operations } from '../operations.ts'
import type { GrantRow } from '../rows.ts'
import { remindAt } from './advance.ts'
import { repayDebt } from './lots.ts'
import { type Decision, refuse, type Step } from './step.ts'

/** Adds spendable value. What begins later waits as `pending`, outside the balance. */
export function grant({ state, account, now }: Step, input: Operations['grant']): Decision<'grant'> {
  const { grantId, amount } = input
  if (state.grant(account.accountId, grantId)) {
    return refuse({ status: 'failed', code: 'ALREADY_EXISTS', what: 'grant', id: grantId })
  }
  if (account.posted + amount > CREDITS_MAX) return refuse({ status: 'failed', code: 'AMOUNT_OUT_OF_RANGE', field: 'amount' })

  if (input.expiresAt !== undefined && input.expiresAt <= now) {
    return refuse({
      status: 'failed',
      code: 'INVALID_INPUT',
      field: 'expiresAt',
      problem: `is not in the future: ${input.expiresAt}`,
    })
  }

  const effectiveAt = input.effectiveAt ?? now
  const row: GrantRow = {
    accountId: account.accountId,
    grantId,
    source: input.source,
    priority: input.priority,
    amount,
    remaining: amount,
    pinned: microCredits(0n),
    effectiveAt,
    expiresAt: input.expiresAt ?? null,
    services: input.services ?? null,
    state: effectiveAt > now ? 'pending' : 'active',
    createdAt: now,
  }
  state.insert('grants', row)
  if (row.state === 'pending') remindAt(account, effectiveAt)
  if (row.expiresAt !== null) remindAt(account, row.expiresAt)

  let repaid = microCredits(0n)
  if (row.state === 'active') {
    account.posted = microCredits(account.posted + amount)
    repaid = repayDebt(state, account, row)
  }
  return {
    done: { status: 'granted', grantId, amount, repaid, available: microCredits(account.posted - account.held), replayed: false },
    postings: [
      ['granted', -amount],
      [row.state === 'active' ? 'available' : 'pending', amount],
    ],
  }
}
