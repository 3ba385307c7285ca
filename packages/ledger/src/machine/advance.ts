import { microCredits } from '@farebox/core'
import type { AccountRow, GrantRow, HoldRow } from '../rows.ts'
import { uncountInBudgets } from './budgets.ts'
import { envelopesOf, moveEnvelopes } from './envelopes.ts'
import { appendEntry } from './journal.ts'
import { repayDebt, unpinLots } from './lots.ts'
import type { LedgerState } from './state.ts'

/** Lets everything happen that is due on an account by `now`: holds that nobody settled go back, grants expire, grants begin. */
export function advance(state: LedgerState, account: AccountRow, now: number): void {
  if (account.nextDueAt === null || account.nextDueAt > now) return
  for (const hold of state.openHolds(account.accountId)) if (dueAt(hold) <= now) expireHold(state, account, hold, now)
  for (const grant of [...state.grants(account.accountId)]) {
    if (grant.state === 'pending' && grant.effectiveAt <= now) beginGrant(state, account, grant, now)
    if (grant.state === 'active' && grant.expiresAt !== null && grant.expiresAt <= now) expireGrant(state, account, grant, now)
  }
  account.nextDueAt = nextDue(state, account)
  state.touch('accounts', account)
}

/** Makes sure that the account is looked at again by `at`. */
export function remindAt(account: AccountRow, at: number): void {
  if (account.nextDueAt === null || at < account.nextDueAt) account.nextDueAt = at
}

/** When a hold that nobody settles goes back by itself. */
export function dueAt(hold: HoldRow): number {
  return hold.expiresAt + hold.graceMs
}

/** Ends a hold and gives what is left of it back. Returns what became of it as postings. */
export function endHold(
  state: LedgerState,
  account: AccountRow,
  hold: HoldRow,
  endState: 'settled' | 'released' | 'expired',
  now: number,
): (readonly [string, bigint])[] {
  const rest = hold.remaining
  const expired = unpinLots(state, account, hold.lots, rest)
  uncountInBudgets(state, account.accountId, hold.budgets, rest)
  const workflow = hold.workflowId === null ? undefined : state.workflow(account.accountId, hold.workflowId)
  moveEnvelopes(state, envelopesOf(state, workflow), { held: -rest })
  hold.remaining = microCredits(0n)
  hold.state = endState
  hold.endedAt = now
  state.touch('holds', hold)
  return [
    ['held', -rest],
    ['available', rest - expired],
    ['expired', expired],
  ]
}

function expireHold(state: LedgerState, account: AccountRow, hold: HoldRow, now: number): void {
  const amount = hold.remaining
  const postings = endHold(state, account, hold, 'expired', now)
  const outcome = { holdId: hold.holdId, amount: amount.toString() }
  appendEntry(state, account, { verb: 'expireHold', idempotencyKey: null, content: {}, outcome, postings }, now)
}

function beginGrant(state: LedgerState, account: AccountRow, grant: GrantRow, now: number): void {
  const amount = grant.remaining
  grant.state = 'active'
  account.posted = microCredits(account.posted + amount)
  repayDebt(state, account, grant)
  appendEntry(
    state,
    account,
    {
      verb: 'beginGrant',
      idempotencyKey: null,
      content: {},
      outcome: { grantId: grant.grantId, amount: amount.toString() },
      postings: [
        ['pending', -amount],
        ['available', amount],
      ],
    },
    now,
  )
}

/** What holds have pinned stays theirs until they end; the rest is gone. */
function expireGrant(state: LedgerState, account: AccountRow, grant: GrantRow, now: number): void {
  const gone = grant.remaining - grant.pinned
  grant.remaining = grant.pinned
  grant.state = 'expired'
  account.posted = microCredits(account.posted - gone)
  state.touch('grants', grant)
  if (grant.pinned === 0n) state.dropGrant(grant)
  appendEntry(
    state,
    account,
    {
      verb: 'expireGrant',
      idempotencyKey: null,
      content: {},
      outcome: { grantId: grant.grantId, amount: gone.toString() },
      postings: [
        ['available', -gone],
        ['expired', gone],
      ],
    },
    now,
  )
}

function nextDue(state: LedgerState, account: AccountRow): number | null {
  let next = Number.POSITIVE_INFINITY
  for (const grant of state.grants(account.accountId)) {
    if (grant.state === 'pending') next = Math.min(next, grant.effectiveAt)
    if (grant.state === 'active' && grant.expiresAt !== null) next = Math.min(next, grant.expiresAt)
  }
  for (const hold of state.openHolds(account.accountId)) next = Math.min(next, dueAt(hold))
  return Number.isFinite(next) ? next : null
}
