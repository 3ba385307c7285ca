import type { UsageRow } from '@farebox/ledger'
import { type DecisionRecord, unpackDecision } from '@farebox/router'

/** A routing decision, and the usage that it led to. */
export interface KeptDecision {
  usageId: string
  /** The provider that answered in the end. */
  provider: string
  decision: DecisionRecord
}

/** Reads the decisions from the details of usage records. Work done outside Farebox has none. */
export function keptDecisions(records: readonly Pick<UsageRow, 'usageId' | 'provider' | 'details'>[]): KeptDecision[] {
  return records.flatMap(({ usageId, provider, details }) => {
    const decision = decisionOf(details)
    return decision ? [{ usageId, provider, decision }] : []
  })
}

/** Reads the decision from the details of a usage record. `undefined` if there is none, or one of a newer version. */
export function decisionOf(details: unknown): DecisionRecord | undefined {
  if (typeof details !== 'object' || details === null) return undefined
  return unpackDecision((details as { decision?: unknown }).decision)
}
