import type { Credits, NanoUsd } from '@farebox/core'

/**
 * Where our records and a provider's own disagree, or disagreed until now. `isApplied`: it was set right, which a dry run never does.
 *
 * - `late_price`: the provider has billed something else than we had estimated; our cost is now what it billed
 * - `price_overdue`: the provider has not told its price for longer than it should take
 * - `usage_differs`: it counted something else. Where we had only estimated, the charge and the cost are set right; where both were sure,
 *   somebody has to look
 * - `call_found`: a telephone call whose outcome was unknown did take place, and is charged now
 * - `call_not_placed`: such a call never took place, and nothing is charged
 * - `call_unknown`: nobody can say what became of such a call
 * - `not_recorded`: the provider has a request that we know nothing of
 * - `not_at_provider`: we charged a request that the provider knows nothing of
 * - `failed`: what was found could not be set right
 * - `unreachable`: the provider could not be asked; what was learnt of it before that counts
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
  /** Of the call's hold, and of its usage record. */
  holdId: string
  to: string
}

/** What a comparison with the providers' own records brought. */
export interface ReconcileReport {
  /** Epoch milliseconds, UTC. */
  from: number
  until: number
  /** The adapters that were asked, with how many records each told of. Those that keep none are left out. */
  adapters: { name: string; records: number }[]
  /** Requests that both sides know and agree on. */
  agreed: number
  differences: Difference[]
}
