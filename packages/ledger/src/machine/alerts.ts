import type { Operations } from '../operations.ts'
import { setAlerts as keep, noticeLow, noticeTopUp } from './events.ts'
import { type Decision, refuse, type Step } from './step.ts'

/** Draws the lines below which an account's owner is told. One that is drawn above the balance is crossed by being drawn. */
export function setAlerts({ state, account, now }: Step, input: Operations['setAlerts']): Decision<'setAlerts'> {
  const { balanceLow = null, topUp = null } = input
  const before = account.alerts
  keep(state, account, { balanceLow, topUp, pendingTopUpId: before?.pendingTopUpId ?? null })
  if (balanceLow !== null && balanceLow !== before?.balanceLow) noticeLow(state, account, balanceLow, now, 'set')
  if (topUp && topUp.at !== before?.topUp?.at) noticeTopUp(state, account, topUp.at, now, 'set')
  return { done: { status: 'set', replayed: false }, postings: [] }
}

/** Ends the wait for a purchase that has arrived. If it was too small, the next one is asked for. */
export function completeTopUp({ state, account, now }: Step, topUpId: string): void {
  if (!account.alerts) return
  const { topUp } = account.alerts
  keep(state, account, { ...account.alerts, pendingTopUpId: null })
  if (topUp) noticeTopUp(state, account, topUp.at, now, topUpId)
}

/** Whether this is the purchase that was asked for. */
export function isPending(account: { alerts: { pendingTopUpId: string | null } | null }, topUpId: string): boolean {
  return account.alerts?.pendingTopUpId === topUpId
}

/** Gives up a purchase that was asked for. The next one is asked for when the balance falls below the line again. */
export function cancelTopUp({ state, account }: Step, { topUpId }: Operations['cancelTopUp']): Decision<'cancelTopUp'> {
  if (!account.alerts || !isPending(account, topUpId)) return refuse(notPending(topUpId))
  keep(state, account, { ...account.alerts, pendingTopUpId: null })
  return { done: { status: 'cancelled', topUpId, replayed: false }, postings: [] }
}

/** Why a purchase cannot be completed or given up. */
export function notPending(topUpId: string) {
  const problem = `is not the top-up that is awaited: ${topUpId}`
  return { status: 'failed' as const, code: 'INVALID_INPUT' as const, field: 'topUpId', problem }
}
