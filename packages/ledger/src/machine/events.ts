import type { Credits } from '@farebox/core'
import { v5 as uuidv5 } from 'uuid'
import { type EventData, encodeEventData } from '../event-data.ts'
import type { AccountRow, Alerts, EventType } from '../rows.ts'
import type { LedgerState } from './state.ts'

/** The namespace of event ids. Any fixed UUID would do. */
const NAMESPACE = 'b3f1f6f0-58a1-5c5e-9c53-0a2f8d1c6a77'

/** An event to emit, as a verb decides it. */
export type NewEvent = { [Type in EventType]: { type: Type; data: EventData[Type] } }[EventType]

/**
 * Writes an event in the same transaction as the change that it reports.
 *
 * @param about  distinguishes it from other events of its type that the same journal entry causes
 * @returns      its id, which is the same if the batch is applied again
 */
export function emit(state: LedgerState, account: AccountRow, event: NewEvent, about: string, now: number): string {
  const { accountId, sequence } = account
  const eventId = uuidv5([accountId, sequence, event.type, about].join('\0'), NAMESPACE)
  state.insert('events', {
    accountId,
    eventId,
    type: event.type,
    data: encodeEventData(event.data),
    createdAt: now,
    // Outboxes go by the store's clock. After it was set back, the account's own time may be far ahead of it.
    dueAt: Math.min(now, state.storeTime),
    attempts: 0,
    deliveredAt: null,
    error: null,
  })
  return eventId
}

/** Emits one event for each threshold that a change crossed. Call it after the change's journal entry is written. */
export function noticeCrossings(state: LedgerState, account: AccountRow, before: Credits, now: number): void {
  if (account.alerts) {
    noticeLow(state, account, before, now)
    noticeTopUp(state, account, before, now)
  }
  if (account.hasBudgets) noticeBudgets(state, account, now)
}

/** @param before  the balance before the change */
export function noticeLow(state: LedgerState, account: AccountRow, before: Credits, now: number, about = ''): void {
  const { alerts, posted: balance } = account
  const threshold = alerts?.balanceLow ?? null
  if (threshold === null || before < threshold || balance >= threshold) return
  emit(state, account, { type: 'balance_low', data: { balance, threshold } }, about, now)
}

/** Requests a top-up, unless one is awaited already. */
export function noticeTopUp(state: LedgerState, account: AccountRow, before: Credits, now: number, about = ''): void {
  const { alerts, posted: balance } = account
  if (!alerts?.topUp || alerts.pendingTopUpId !== null) return
  const { at: threshold, amount } = alerts.topUp
  if (before < threshold || balance >= threshold) return
  const pendingTopUpId = emit(state, account, { type: 'top_up_needed', data: { balance, threshold, amount } }, about, now)
  setAlerts(state, account, { ...alerts, pendingTopUpId })
}

/** Sets an account's alerts. If nothing is set, they are stored as null. */
export function setAlerts(state: LedgerState, account: AccountRow, alerts: Alerts): void {
  const isEmpty = alerts.balanceLow === null && alerts.topUp === null && alerts.pendingTopUpId === null
  account.alerts = isEmpty ? null : alerts
  state.touch('accounts', account)
}

function noticeBudgets(state: LedgerState, account: AccountRow, now: number): void {
  for (const budget of state.budgets(account.accountId)) {
    const { budgetId, used, limit, mode, period, windowStart, windowEnd, alertedPercent } = budget
    // If the limit changes now, what was used in a window that is over must not cross it.
    if (used === 0n || (windowEnd !== null && now >= windowEnd)) continue
    const reached = budget.alertsAtPercent.filter((percent) => used * 100n >= BigInt(percent) * limit)
    const percent = Math.max(0, ...reached)
    if (percent <= alertedPercent) continue
    budget.alertedPercent = percent
    state.touch('budgets', budget)
    const data = { budgetId, percent, used, limit, mode, period, ...(windowEnd !== null && { resetsAt: windowEnd }) }
    emit(state, account, { type: 'limit_crossed', data }, `${budgetId}\0${windowStart}\0${percent}`, now)
  }
}
