import type { Operations } from '../operations.ts'
import type { AccountRow, Alerts } from '../rows.ts'
import { setAlerts as keep, noticeLow, noticeTopUp } from './events.ts'
import type { LedgerState } from './state.ts'
import { type Decision, refuse, type Step } from './step.ts'

/** Sets the balances below which an account's owner is alerted. A new threshold above the current balance alerts at once. */
export function setAlerts({ state, account, now }: Step, input: Operations['setAlerts']): Decision<'setAlerts'> {
  const { balanceLow = null, topUp = null } = input
  const before = account.alerts
  keep(state, account, { ...before, balanceLow, topUp, pendingTopUpId: before?.pendingTopUpId ?? null })
  if (balanceLow !== null && balanceLow !== before?.balanceLow) noticeLow(state, account, balanceLow, now, 'set')
  if (topUp && topUp.at !== before?.topUp?.at) noticeTopUp(state, account, topUp.at, now, 'set')
  return { done: { status: 'set', replayed: false }, postings: [] }
}

/** Ends the wait for a top-up that has arrived. If it was too small, requests the next one. */
export function completeTopUp({ state, account, now }: Step, topUpId: string): void {
  if (!account.alerts) return
  const { topUp } = account.alerts
  keep(state, account, answered(account.alerts))
  if (topUp) noticeTopUp(state, account, topUp.at, now, topUpId)
}

/** Keeps waiting for a top-up until its grant begins, since the balance is still as low as before. */
export function awaitGrant({ state, account }: Step, grantId: string): void {
  if (account.alerts) keep(state, account, { ...account.alerts, pendingGrantId: grantId })
}

/** Ends the wait for a top-up whose grant has begun. */
export function completeAwaited(step: Step): void {
  const { accountId, alerts } = step.account
  const { pendingTopUpId, pendingGrantId } = alerts ?? {}
  if (!pendingTopUpId || pendingGrantId === undefined) return
  if (step.state.grant(accountId, pendingGrantId)?.state !== 'pending') completeTopUp(step, pendingTopUpId)
}

/** Gives up a top-up whose grant was taken back before it began. */
export function giveUpGrant(state: LedgerState, account: AccountRow, grantId: string): void {
  if (account.alerts?.pendingGrantId === grantId) keep(state, account, answered(account.alerts))
}

/** Whether this top-up was requested and no grant has answered it yet. */
export function isUnanswered(account: AccountRow, topUpId: string): boolean {
  return isPending(account, topUpId) && account.alerts?.pendingGrantId === undefined
}

function isPending(account: AccountRow, topUpId: string): boolean {
  return account.alerts?.pendingTopUpId === topUpId
}

function answered({ balanceLow, topUp }: Alerts): Alerts {
  return { balanceLow, topUp, pendingTopUpId: null }
}

/** Gives up a requested top-up. The next one is requested when the balance falls below the threshold again. */
export function cancelTopUp({ state, account }: Step, { topUpId }: Operations['cancelTopUp']): Decision<'cancelTopUp'> {
  if (!account.alerts || !isPending(account, topUpId)) return refuse(notPending(topUpId))
  keep(state, account, answered(account.alerts))
  return { done: { status: 'cancelled', topUpId, replayed: false }, postings: [] }
}

/** The failure for a top-up that cannot be completed or given up. */
export function notPending(topUpId: string) {
  const problem = `is not the pending top-up: ${topUpId}`
  return { status: 'failed' as const, code: 'INVALID_INPUT' as const, field: 'topUpId', problem }
}
