import type { Credits, NanoUsd } from '@farebox/core'

/**
 * A difference between the ledger's records and a provider's. `isApplied` tells that it was corrected, which a dry run never
 * does.
 *
 * - `late_price`: the provider billed another amount than the ledger had estimated; the cost is now what it billed
 * - `price_overdue`: the provider has taken longer than it should to report its price
 * - `usage_differs`: the provider counted something else. If the ledger only had an estimate, charge and cost are corrected; if
 *   both counts were exact, somebody has to look into it
 * - `call_found`: a phone call whose outcome was unknown did take place, and is charged now
 * - `call_not_placed`: such a call never took place, and nothing is charged
 * - `call_unknown`: the outcome of such a call cannot be determined
 * - `not_recorded`: the provider has a request that the ledger does not have
 * - `not_at_provider`: the ledger charged a request that the provider does not have
 * - `failed`: a difference could not be corrected
 * - `unreachable`: the provider could not be asked, or not to the end; the records that it returned before count
 */
export type Difference =
  | (OfUsage & { type: 'late_price'; estimated: NanoUsd | null; billed: NanoUsd; isApplied: boolean })
  | (OfUsage & { type: 'price_overdue'; ageMs: number })
  | (OfUsage & { type: 'usage_differs'; ours: string; theirs: string; isApplied: boolean })
  | (OfUsage & { type: 'not_at_provider' })
  | (OfCall & { type: 'call_found'; adapter: string; requestId: string; charged: Credits; isApplied: boolean })
  | (OfCall & { type: 'call_not_placed'; isApplied: boolean })
  | (OfCall & { type: 'call_unknown'; ageMs: number })
  | { type: 'not_recorded'; adapter: string; requestId: string; at: number; cost: NanoUsd | undefined }
  | { type: 'failed'; accountId: string; usageId: string; error: unknown }
  | { type: 'unreachable'; adapter: string; error: unknown }

interface OfUsage {
  accountId: string
  usageId: string
  adapter: string
  requestId: string
}

interface OfCall {
  accountId: string
  /** The id of the call's hold and of its usage record. */
  holdId: string
  to: string
}

/** The result of a comparison with the providers' records. */
export interface ReconcileReport {
  /** Epoch milliseconds, UTC. */
  from: number
  until: number
  /** The adapters that were asked, and how many records each returned. Adapters that cannot fetch records are left out. */
  adapters: { name: string; records: number }[]
  /** Requests that both sides know and agree on. A request is in the range in which it began, by its provider's clock. */
  agreed: number
  /** Those of the range, and corrections of requests of the five hours before it, for which an earlier report was too early. */
  differences: Difference[]
}
