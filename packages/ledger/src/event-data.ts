import { type Credits, microCredits } from '@farebox/core'
import type { BudgetPeriod, EventType } from './rows.ts'

/** The data of each type of event. */
export interface EventData {
  /** The balance fell below the threshold set by `setAlerts`. */
  balance_low: { balance: Credits; threshold: Credits }
  /** The use of a budget reached one of its alert percentages, once per window. If it reached several at once, the highest. */
  limit_crossed: {
    budgetId: string
    percent: number
    used: Credits
    limit: Credits
    mode: 'block' | 'warn'
    period: BudgetPeriod
    /** When the budget starts again, in epoch milliseconds. Absent for `total`. */
    resetsAt?: number
  }
  /** A hold was given back because it was not settled or extended in time, for example after a crash. */
  hold_expired: { holdId: string; workflowId: string | null; service: string; provider: string; amount: Credits }
  /** A workflow was closed. Emitted only with the ledger's option `closedWorkflowEvents`. */
  workflow_closed: { workflowId: string; name: string; spent: Credits; durationMs: number }
  /** The balance fell below the top-up threshold. Grant the purchase with the event's id as `topUpId`. */
  top_up_needed: { balance: Credits; threshold: Credits; amount: Credits }
}

/** The fields that are amounts, which JSON holds as strings. */
const AMOUNTS: ReadonlySet<string> = new Set(['balance', 'threshold', 'used', 'limit', 'amount', 'spent'])

/** Event data as it is stored. */
export function encodeEventData(data: EventData[EventType]): Record<string, unknown> {
  return mapFields(data, (_, value) => (typeof value === 'bigint' ? value.toString() : value))
}

/** Event data as listeners get it. */
export function decodeEventData<Type extends EventType>(stored: Record<string, unknown>): EventData[Type] {
  return mapFields(stored, (name, value) => (AMOUNTS.has(name) ? microCredits(BigInt(value as string)) : value)) as never
}

function mapFields(data: object, map: (name: string, value: unknown) => unknown): Record<string, unknown> {
  return Object.fromEntries(Object.entries(data).map(([name, value]) => [name, map(name, value)]))
}
