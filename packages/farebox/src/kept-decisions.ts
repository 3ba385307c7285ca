import type { UsageRow } from '@farebox/ledger'
import { type DecisionRecord, unpackDecision } from '@farebox/router'

/** A decision for a route, with the usage that it led to. */
export interface KeptDecision {
  usageId: string
  /** Who answered in the end. */
  provider: string
  decision: DecisionRecord
}

/** The decisions in the details of usage records. Work that was done elsewhere has none. */
export function keptDecisions(records: readonly Pick<UsageRow, 'usageId' | 'provider' | 'details'>[]): KeptDecision[] {
  return records.flatMap(({ usageId, provider, details }) => {
    const decision = decisionOf(details)
    return decision ? [{ usageId, provider, decision }] : []
  })
}

/** The decision that the details of a usage record keep; `undefined` where there is none, or one of a later version. */
export function decisionOf(details: unknown): DecisionRecord | undefined {
  if (typeof details !== 'object' || details === null) return undefined
  return unpackDecision((details as { decision?: unknown }).decision)
}
