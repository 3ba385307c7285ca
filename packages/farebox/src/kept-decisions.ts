import type { UsageRow } from '@farebox/ledger'
import { type DecisionRecord, unpackDecision } from '@farebox/router'
import { lastPartOf } from './live/live-meter.ts'

/** A routing decision, and the usage that it led to. */
export interface KeptDecision {
  /** For live work, the id of its last record. */
  usageId: string
  /** The provider that answered in the end. */
  provider: string
  decision: DecisionRecord
}

/**
 * Reads the decisions from the details of usage records. Work done outside Farebox has none, and the parts of live work have one
 * between them.
 */
export function keptDecisions(records: readonly Pick<UsageRow, 'usageId' | 'holdId' | 'provider' | 'details'>[]): KeptDecision[] {
  const kept = new Map<string, KeptDecision>()
  for (const record of records) {
    const { provider, details } = record
    const usageId = lastPartOf(record) ?? record.usageId
    const decision = kept.has(usageId) ? undefined : decisionOf(details)
    if (decision) kept.set(usageId, { usageId, provider, decision })
  }
  return [...kept.values()]
}

/** Reads the decision from the details of a usage record. `undefined` if there is none, or one of a newer version. */
export function decisionOf(details: unknown): DecisionRecord | undefined {
  if (typeof details !== 'object' || details === null) return undefined
  return unpackDecision((details as { decision?: unknown }).decision)
}
