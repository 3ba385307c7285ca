import type { UsageRow } from '@farebox/ledger'

/** One attempt of a call, as recorded in the details of a usage record. */
export interface AttemptDetails {
  /** The id of the call's hold and the number of the attempt: `0198….1`. */
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
  /** The kind of failure. */
  error?: string
  /** The HTTP status of the failure. */
  status?: number
  /** The provider's own code of the failure. */
  code?: string
}

/** An attempt as it is stored. The record's own attempt leaves out what the record itself has. */
export type KeptAttempt = Omit<AttemptDetails, Told> & Partial<Pick<AttemptDetails, Told>>
type Told = 'id' | 'provider' | 'model' | 'adapter'

/** Reads the attempts from the details of a usage record. `own` is the id of the attempt that the record's usage belongs to. */
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
