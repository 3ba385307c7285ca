import { type Credits, microCredits } from '@farebox/core'
import type { AccountRow, GrantRow, HoldRow, Posting } from '../rows.ts'
import { completeAwaited } from './alerts.ts'
import { emit } from './events.ts'
import { appendEntry } from './journal.ts'
import { least } from './least.ts'
import { repayDebt } from './lots.ts'
import { giveBack } from './set-aside.ts'
import type { LedgerState } from './state.ts'

/**
 * Applies everything that is due on an account by `now`: gives back abandoned holds, begins and expires grants. It does so in the
 * order of their due times, so that the result does not depend on how often it runs.
 */
export function advance(state: LedgerState, account: AccountRow, now: number): void {
  if (account.nextDueAt === null || account.nextDueAt > now) return
  applyDue(state, account, { holds: state.openHolds(account.accountId), by: now, now })
  completeAwaited({ state, account, now })
  account.nextDueAt = nextDue(state, account)
  state.touch('accounts', account)
}

/** Whether more is due on an account by `now` than {@link advance} should apply at once. */
export function isTooMuchDue(state: LedgerState, account: AccountRow, now: number): boolean {
  if (account.nextDueAt === null || account.nextDueAt > now) return false
  return state.openHolds(account.accountId).filter((hold) => dueAt(hold) <= now).length > state.dueAtOnce
}

/**
 * Applies the first part of what {@link advance} would, where that is too much for one transaction: as many holds as are given back
 * at once, and the grants that begin or expire before the hold after them is due. The account is still due afterwards.
 */
export function advancePart(state: LedgerState, account: AccountRow, now: number): void {
  const due = state.openHolds(account.accountId).sort((a, b) => dueAt(a) - dueAt(b))
  const holds = due.slice(0, state.dueAtOnce)
  const next = due[state.dueAtOnce]
  if (!next) throw new Error(`too few holds of account ${account.accountId} were loaded for a part of what is due`)
  applyDue(state, account, { holds, by: dueAt(next) - 1, now })
  // Some of those that are due together are left. Grants that are due at that moment wait for them.
  for (const hold of holds) if (hold.state === 'open') expireHold(state, account, hold, now)
  state.touch('accounts', account)
}

/** Makes sure that {@link advance} runs on the account by `at`. */
export function remindAt(account: AccountRow, at: number): void {
  if (account.nextDueAt === null || at < account.nextDueAt) account.nextDueAt = at
}

/** When a hold that is not settled is given back by itself. */
export function dueAt(hold: HoldRow): number {
  return hold.expiresAt + hold.graceMs
}

/** Ends a hold and gives back what is left of it. Returns the postings. */
export function endHold(
  state: LedgerState,
  account: AccountRow,
  hold: HoldRow,
  endState: 'settled' | 'released' | 'expired',
  now: number,
): Posting[] {
  const postings = giveBack(state, account, hold, hold.remaining)
  hold.state = endState
  hold.endedAt = now
  return postings
}

/** Gives back holds, and begins and expires grants, that are due by a moment. */
function applyDue(
  state: LedgerState,
  account: AccountRow,
  { holds, by, now }: { holds: readonly HoldRow[]; by: number; now: number },
): void {
  // Grant by grant, since a grant that was carried over may be due itself.
  for (let isOver = false; !isOver; ) {
    const grant = firstDueGrant(state, account, by)
    const until = grant ? grantDueAt(grant) : by
    for (const hold of holds) if (hold.state === 'open' && dueAt(hold) <= until) expireHold(state, account, hold, now)
    if (grant) changeGrant(state, account, grant, now)
    else isOver = true
  }
}

/** The first grant that begins or expires by a moment. If several do at once, the one that is spent first. */
function firstDueGrant(state: LedgerState, { accountId }: AccountRow, by: number): GrantRow | undefined {
  let first: GrantRow | undefined
  for (const grant of state.grants(accountId)) {
    const due = grantDueAt(grant)
    if (due <= by && (!first || due < grantDueAt(first))) first = grant
  }
  return first
}

/** When a grant begins or expires by itself. */
export function grantDueAt({ state, effectiveAt, expiresAt }: GrantRow): number {
  if (state === 'pending') return effectiveAt
  return state === 'active' && expiresAt !== null ? expiresAt : Number.POSITIVE_INFINITY
}

function expireHold(state: LedgerState, account: AccountRow, hold: HoldRow, now: number): void {
  const amount = hold.remaining
  const postings = endHold(state, account, hold, 'expired', now)
  const outcome = { holdId: hold.holdId, amount: amount.toString() }
  appendEntry(state, account, { verb: 'expireHold', idempotencyKey: null, content: {}, outcome, postings }, now)
  const { holdId, workflowId, service, provider } = hold
  emit(state, account, { type: 'hold_expired', data: { holdId, workflowId, service, provider, amount } }, holdId, now)
}

/** Begins or expires a grant that is due. */
function changeGrant(state: LedgerState, account: AccountRow, grant: GrantRow, now: number): void {
  if (grant.state === 'pending') beginGrant(state, account, grant, now)
  else expireGrant(state, account, grant, now)
}

function beginGrant(state: LedgerState, account: AccountRow, grant: GrantRow, now: number): void {
  const amount = grant.remaining
  grant.state = 'active'
  account.posted = microCredits(account.posted + amount)
  const repaid = repayDebt(state, account, grant)
  appendEntry(
    state,
    account,
    {
      verb: 'beginGrant',
      idempotencyKey: null,
      content: {},
      outcome: { grantId: grant.grantId, amount: amount.toString(), ...(repaid > 0n && { repaid: repaid.toString() }) },
      postings: [
        ['pending', -amount],
        ['available', amount],
      ],
    },
    now,
  )
}

/**
 * Expires a grant. What holds have pinned stays with them until they end. The rest first repays debt, which may have arisen while
 * a hold pinned these credits or before a refund returned them: nobody should owe what they had credits for. What may be carried
 * over of the remainder becomes a new grant.
 */
function expireGrant(state: LedgerState, account: AccountRow, grant: GrantRow, now: number): void {
  const repaid = repayDebt(state, account, grant)
  const gone = grant.remaining - grant.pinned
  const carried = least(gone, grant.rollover ? (grant.rollover.max ?? gone) : 0n)
  grant.remaining = grant.pinned
  grant.gone = microCredits(grant.gone + gone)
  grant.state = 'expired'
  account.posted = microCredits(account.posted - gone + carried)
  if (grant.pinned === 0n) state.dropGrant(grant)
  const next = carried > 0n ? carryOver(state, grant, carried, now) : undefined
  appendEntry(
    state,
    account,
    {
      verb: 'expireGrant',
      idempotencyKey: null,
      content: {},
      outcome: {
        grantId: grant.grantId,
        amount: gone.toString(),
        ...(repaid > 0n && { repaid: repaid.toString() }),
        ...(next && { carried: carried.toString(), to: next.grantId }),
      },
      postings: [
        ['available', carried - gone],
        ['expired', gone - carried],
        ['carried_over', carried],
        ['granted', -carried],
      ],
    },
    now,
  )
}

/** The id of the grant to which what is left of a grant is carried over. */
export function rolloverIdOf(grantId: string): string {
  return `rollover:${grantId}`
}

/** The id of the grant that this one was carried over from, if it was. Callers cannot give a grant such an id. */
export function carriedFromIdOf(grantId: string): string | undefined {
  return /^rollover:(.+)$/s.exec(grantId)?.[1]
}

function carryOver(state: LedgerState, from: GrantRow, amount: Credits, now: number): GrantRow | undefined {
  const { rollover, expiresAt } = from
  if (rollover === null || expiresAt === null) return undefined
  const next: GrantRow = {
    ...from,
    grantId: rolloverIdOf(from.grantId),
    amount,
    remaining: amount,
    pinned: microCredits(0n),
    gone: microCredits(0n),
    effectiveAt: expiresAt,
    expiresAt: expiresAt + rollover.ttlMs,
    rollover: rollover.times > 1 ? { ...rollover, times: rollover.times - 1 } : null,
    state: 'active',
    createdAt: now,
  }
  state.insert('grants', next)
  return next
}

/** When {@link advance} has something to do next. */
function nextDue(state: LedgerState, account: AccountRow): number | null {
  let next = Number.POSITIVE_INFINITY
  for (const grant of state.grants(account.accountId)) next = Math.min(next, grantDueAt(grant))
  for (const hold of state.openHolds(account.accountId)) next = Math.min(next, dueAt(hold))
  return Number.isFinite(next) ? next : null
}
