import { type Credits, microCredits } from '@farebox/core'
import type { GrantRow, Lot, Posting } from '../rows.ts'
import { remindAt } from './advance.ts'
import { least } from './least.ts'
import type { Step } from './step.ts'

/**
 * Gives `amount` back to the lots that it was drawn from, the last drawn first. What came from a grant that has expired or was
 * revoked since, or from debt that was repaid since, becomes a new grant, so that a refund is never lost.
 *
 * @param drawn  the lots, in the order in which they were drawn
 * @returns      the returned lots, as negative amounts, and the postings for what became new grants
 */
export function returnLots(
  step: Step,
  drawn: readonly Lot[],
  amount: Credits,
  correctionId: string,
): { lots: Lot[]; postings: Posting[] } {
  const { state, account } = step
  const lots: Lot[] = []
  let left: bigint = amount
  let regranted = 0n
  for (const lot of drawn.toReversed()) {
    const give = least(left, lot.amount)
    if (give <= 0n) continue
    left -= give
    lots.push({ grantId: lot.grantId, amount: microCredits(-give) })
    const rest = give - giveTo(step, lot.grantId, give)
    if (rest === 0n) continue
    regrant(step, state.grant(account.accountId, lot.grantId), microCredits(rest), refundIdOf(correctionId, lots.length))
    regranted += rest
  }
  if (left > 0n) throw new Error(`correction ${correctionId} gives back ${left} more than the lots of its record`)
  account.posted = microCredits(account.posted + amount)
  return {
    lots,
    postings: [
      ['refunded', regranted],
      ['granted', -regranted],
    ],
  }
}

/** The id of the grant that a correction made of one of its lots, which are counted from 1. Callers cannot give a grant such an id. */
export function refundIdOf(correctionId: string, lot: number): string {
  return `refund:${correctionId}:${lot}`
}

/** Gives back to the grant or debt that an amount came from. Returns how much of it that could take. */
function giveTo({ state, account, now }: Step, grantId: string, amount: bigint): bigint {
  const grant = state.grant(account.accountId, grantId)
  // The credit line, or a grant whose chargeback turned what was spent of it into debt: a refund reduces that debt.
  if (!grant || grant.state === 'charged_back') {
    const repaid = least(amount, account.debt)
    account.debt = microCredits(account.debt - repaid)
    return repaid
  }
  const isSpent = grant.state === 'spent' && (grant.expiresAt === null || grant.expiresAt > now)
  if (grant.state !== 'active' && !isSpent) return 0n
  grant.remaining = microCredits(grant.remaining + amount)
  state.touch('grants', grant)
  if (!isSpent) return amount
  grant.state = 'active'
  state.reviveGrant(grant)
  if (grant.expiresAt !== null) remindAt(account, grant.expiresAt)
  return amount
}

function regrant({ state, account, now }: Step, original: GrantRow | undefined, amount: Credits, grantId: string): void {
  state.insert('grants', {
    accountId: account.accountId,
    grantId,
    source: 'refund',
    priority: original?.priority ?? 100,
    amount,
    remaining: amount,
    pinned: microCredits(0n),
    gone: microCredits(0n),
    effectiveAt: now,
    expiresAt: null,
    services: original?.services ?? null,
    rollover: null,
    state: 'active',
    createdAt: now,
  })
}
