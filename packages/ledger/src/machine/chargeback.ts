import { microCredits } from '@farebox/core'
import type { Operations } from '../operations.ts'
import type { GrantRow } from '../rows.ts'
import { rolloverIdOf } from './advance.ts'
import { giveUpGrant } from './alerts.ts'
import { CREDIT_LINE } from './lots.ts'
import { type Decision, refuse, type Step } from './step.ts'

/**
 * Takes back a whole grant whose payment was reversed. What is left of it is gone, and what was spent of it becomes debt. Holds
 * that pinned some of it stay open, and what they settle becomes debt too.
 */
export function chargeback(step: Step, input: Operations['chargeback']): Decision<'chargeback'> {
  const { state, account } = step
  let recovered = 0n
  let owed = 0n
  let pending = 0n
  let held = 0n
  for (let next: string | undefined = input.grantId; next !== undefined; ) {
    const grant = state.grant(account.accountId, next)
    if (!grant && next === input.grantId) return refuse({ status: 'failed', code: 'GRANT_NOT_FOUND', id: next })
    // There is no further grant if holds had pinned everything when this one expired.
    if (!grant) break
    next = isCarriedOver(grant) ? rolloverIdOf(next) : undefined
    if (grant.state === 'charged_back') continue
    const left = grant.remaining
    held += grant.pinned
    if (grant.state === 'pending') {
      pending += left
      giveUpGrant(state, account, grant.grantId)
    } else owed += takeBack(step, grant)
    recovered += left
    grant.gone = microCredits(grant.gone + left)
    grant.remaining = microCredits(0n)
    grant.state = 'charged_back'
    state.touch('grants', grant)
    state.dropGrant(grant)
  }
  return {
    done: {
      status: 'charged_back',
      grantId: input.grantId,
      recovered: microCredits(recovered),
      held: microCredits(held),
      owed: microCredits(owed),
      balance: account.posted,
      replayed: false,
    },
    postings: [
      ['pending', -pending],
      ['available', pending - recovered - owed],
      ['charged_back', recovered + owed],
    ],
  }
}

/** Whether a part of a grant may have become another grant when it expired. */
export function isCarriedOver({ rollover, state, gone }: GrantRow): boolean {
  return rollover !== null && gone > 0n && (state === 'expired' || state === 'charged_back')
}

/** Takes a grant off the balance, including what holds have pinned of it. Returns what was spent of it, which is debt now. */
function takeBack({ state, account }: Step, grant: GrantRow): bigint {
  const spent = grant.amount - grant.remaining - grant.gone
  account.posted = microCredits(account.posted - grant.remaining - spent)
  account.debt = microCredits(account.debt + spent)
  account.creditHeld = microCredits(account.creditHeld + grant.pinned)
  grant.pinned = microCredits(0n)
  for (const hold of state.openHolds(account.accountId)) {
    const mine = hold.lots.filter(({ grantId }) => grantId === grant.grantId)
    if (mine.length === 0) continue
    for (const lot of mine) lot.grantId = CREDIT_LINE
    state.touch('holds', hold)
  }
  return spent
}
