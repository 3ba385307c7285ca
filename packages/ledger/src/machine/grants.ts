import { microCredits } from '@farebox/core'
import type { Operations } from '../operations.ts'
import type { GrantRow } from '../rows.ts'
import { remindAt } from './advance.ts'
import { awaitGrant, completeTopUp, giveUpGrant, isUnanswered, notPending } from './alerts.ts'
import { balanceBeyond } from './balance-beyond.ts'
import { repayDebt } from './lots.ts'
import { type Decision, overAlready, refuse, type Step } from './step.ts'

/** Adds a grant. One that begins later waits as `pending`, outside the balance. */
export function grant(step: Step, input: Operations['grant']): Decision<'grant'> {
  const { state, account, now } = step
  const { grantId, amount } = input
  if (state.grant(account.accountId, grantId)) {
    return refuse({ status: 'failed', code: 'ALREADY_EXISTS', what: 'grant', id: grantId })
  }
  const tooMuch = balanceBeyond(step, amount, 'amount')
  if (tooMuch) return refuse(tooMuch)

  const isOver = overAlready(input.expiresAt, now)
  if (isOver) return refuse(isOver)

  if (input.topUpId !== undefined && !isUnanswered(account, input.topUpId)) return refuse(notPending(input.topUpId))

  const effectiveAt = input.effectiveAt ?? now
  const row: GrantRow = {
    accountId: account.accountId,
    grantId,
    source: input.source,
    priority: input.priority,
    amount,
    remaining: amount,
    pinned: microCredits(0n),
    gone: microCredits(0n),
    effectiveAt,
    expiresAt: input.expiresAt ?? null,
    services: input.services ?? null,
    rollover: input.rollover
      ? { ...input.rollover, ttlMs: input.rollover.ttlMs ?? (input.expiresAt ?? now) - effectiveAt }
      : null,
    state: effectiveAt > now ? 'pending' : 'active',
    createdAt: now,
  }
  const begins = row.state === 'active'
  state.insert('grants', row)
  if (row.state === 'pending') remindAt(account, effectiveAt)
  if (row.expiresAt !== null) remindAt(account, row.expiresAt)

  let repaid = microCredits(0n)
  if (begins) {
    account.posted = microCredits(account.posted + amount)
    repaid = repayDebt(state, account, row)
  }
  if (input.topUpId !== undefined) {
    if (begins) completeTopUp(step, input.topUpId)
    else awaitGrant(step, grantId)
  }
  return {
    done: {
      status: 'granted',
      grantId,
      amount,
      repaid,
      balance: account.posted,
      available: microCredits(account.posted - account.held),
      replayed: false,
    },
    postings: [
      ['granted', -amount],
      // Not by the grant's state: one that repaying debt used up is already spent.
      [begins ? 'available' : 'pending', amount],
    ],
  }
}

/** The default idempotency key of a grant's revocation. */
export function revocationKeyOf(grantId: string): string {
  return `revokeGrant:${grantId}`
}

/**
 * Takes back what is left of a grant. What open holds have set aside stays with them until they end, and the rest of that is then
 * gone. A spent grant stays as it is, and the default key is not used up, since a refund may bring the grant back.
 */
export function revokeGrant(
  { state, account }: Step,
  { grantId }: Operations['revokeGrant'],
  idempotencyKey: string | null,
): Decision<'revokeGrant'> {
  const row = state.grant(account.accountId, grantId)
  if (!row) return refuse({ status: 'failed', code: 'GRANT_NOT_FOUND', id: grantId })
  if (row.state === 'spent' && idempotencyKey === revocationKeyOf(grantId)) {
    return { nothing: { status: 'revoked', grantId, amount: microCredits(0n), balance: account.posted, replayed: false } }
  }
  const isPending = row.state === 'pending'
  const isOpen = isPending || row.state === 'active'
  const amount = microCredits(isOpen ? row.remaining - row.pinned : 0n)
  if (isOpen) {
    row.remaining = row.pinned
    row.gone = microCredits(row.gone + amount)
    row.state = 'revoked'
    state.touch('grants', row)
    if (row.pinned === 0n) state.dropGrant(row)
    if (isPending) giveUpGrant(state, account, grantId)
    else account.posted = microCredits(account.posted - amount)
  }
  return {
    done: { status: 'revoked', grantId, amount, balance: account.posted, replayed: false },
    postings: [
      [isPending ? 'pending' : 'available', -amount],
      ['revoked', amount],
    ],
  }
}
