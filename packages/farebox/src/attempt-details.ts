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

/** The attempts that the details of a usage record tell of; `own` is the one that the record's usage is of. */
export function attemptsOf(details: unknown): { own: string | undefined; all: readonly AttemptDetails[] } {
  if (typeof details !== 'object' || details === null) return { own: undefined, all: [] }
  const { attempt, attempts } = details as { attempt?: unknown; attempts?: unknown }
  return {
    own: typeof attempt === 'string' ? attempt : undefined,
    all: Array.isArray(attempts) ? (attempts as AttemptDetails[]).filter(({ id }) => typeof id === 'string') : [],
  }
}
