import type { UsageRow } from '@farebox/ledger'

/** One attempt of a call, as the details of a usage record keep it. */
export interface AttemptDetails {
  /** Of the call's hold, and its place among the attempts: `0198….1`. */
  id: string
  provider: string
  model: string
  adapter: string
  /** Why the candidate was in the route. */
  why: string
  /** `first`, `retry`, `fallback`, `hedge` or `continuation`. */
  cause: string
  /** Epoch milliseconds, UTC. */
  startedAt: number
  endedAt: number
  outcome: string
  /** The kind of its failure. */
  error?: string
  /** HTTP status of its failure. */
  status?: number
  /** The provider's own code of its failure. */
  code?: string
}

/** An attempt as it is kept: the record's own leaves out what the record says itself. */
export type KeptAttempt = Omit<AttemptDetails, Told> & Partial<Pick<AttemptDetails, Told>>
type Told = 'id' | 'provider' | 'model' | 'adapter'

/** The attempts that a usage record tells of in its details; `own` is the one that its usage is of. */
export function attemptsOf(record: Pick<UsageRow, 'provider' | 'model' | 'details'>): {
  own: string | undefined
  all: readonly AttemptDetails[]
} {
  const { provider, model, details } = record
  if (typeof details !== 'object' || details === null) return { own: undefined, all: [] }
  const { attempt, attempts, adapter } = details as { attempt?: unknown; attempts?: unknown; adapter?: unknown }
  const own = typeof attempt === 'string' ? attempt : undefined
  const same = { id: own, provider, model: model ?? provider, adapter: typeof adapter === 'string' ? adapter : '' }
  const all = Array.isArray(attempts) ? (attempts as KeptAttempt[]).map((kept) => ({ ...same, ...kept })) : []
  return { own, all: all.filter((one): one is AttemptDetails => typeof one.id === 'string') }
}
