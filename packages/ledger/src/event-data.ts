import { type Credits, microCredits } from '@farebox/core'
import type { BudgetPeriod, EventType } from './rows.ts'

/** What each event tells. */
export interface EventData {
  /** The balance fell below the line that `setAlerts` drew. */
  balance_low: { balance: Credits; threshold: Credits }
  /** A budget's use reached one of its shares: once in each of its windows. Of several at once, the highest is told. */
  limit_crossed: {
    budgetId: string
    percent: number
    used: Credits
    limit: Credits
    mode: 'block' | 'warn'
    period: BudgetPeriod
    /** Epoch milliseconds at which it starts again; absent for `total`. */
    resetsAt?: number
  }
  /** Nobody settled or extended a hold in time, so that it went back by itself: a crash, or work whose end was never told. */
  hold_expired: { holdId: string; workflowId: string | null; service: string; provider: string; amount: Credits }
  /** A workflow ended; only with the ledger's option `closedWorkflowEvents`. */
  workflow_closed: { workflowId: string; name: string; spent: Credits; durationMs: number }
  /** The balance fell below the line at which more is to be bought. Grant it with the event's id as `topUpId`. */
  top_up_needed: { balance: Credits; threshold: Credits; amount: Credits }
}

/** The fields that hold amounts, which JSON carries as strings. */
const AMOUNTS: ReadonlySet<string> = new Set(['balance', 'threshold', 'used', 'limit', 'amount', 'spent'])

/** As it is stored. */
export function encodeEventData(data: EventData[EventType]): Record<string, unknown> {
  return mapFields(data, (_, value) => (typeof value === 'bigint' ? value.toString() : value))
}

/** As it is told. */
export function decodeEventData<Type extends EventType>(stored: Record<string, unknown>): EventData[Type] {
  return mapFields(stored, (name, value) => (AMOUNTS.has(name) ? microCredits(BigInt(value as string)) : value)) as never
}

function mapFields(data: object, map: (name: string, value: unknown) => unknown): Record<string, unknown> {
  return Object.fromEntries(Object.entries(data).map(([name, value]) => [name, map(name, value)]))
}
