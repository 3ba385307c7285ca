import { setTimeout as pause } from 'node:timers/promises'
import type { Difference, Farebox } from 'farebox'

/** A comparison that goes on until it is stopped. */
export interface Reconciling {
  /** Ends it, the run under way included. */
  stop(): Promise<void>
}

/** Most runs look no further back than this: the longest call, and time for its price to come. */
const RECENT_MS = 6 * 3_600_000
/** One run in each hour looks as far back as `reconcile` does by itself, which takes longer. */
const THOROUGH_MS = 3_600_000

/**
 * Compares our records with the providers' own, now and then every `everyMs`, one run at a time. What somebody should look at is logged in
 * a line, once for as long as it stays.
 */
export function startReconciling(box: Farebox, everyMs: number): Reconciling {
  const stopping = new AbortController()
  const { signal } = stopping
  // What a simulated provider served is forgotten with its process.
  const simulated = new Set(box.providers.filter(({ isSimulated }) => isSimulated).map(({ name }) => name))
  let told = new Set<string>()
  let failure: string | undefined
  let thoroughAt = Number.NEGATIVE_INFINITY

  async function compare(): Promise<void> {
    const now = box.now()
    const isThorough = now - thoroughAt >= THOROUGH_MS
    const { differences } = await box.reconcile({ signal, ...(!isThorough && { from: now - RECENT_MS }) })
    const lines = new Map(
      differences
        .filter((difference) => !('adapter' in difference && simulated.has(difference.adapter)))
        .filter(needsAnEye)
        .map((difference) => [identityOf(difference), lineOf(difference)]),
    )
    for (const [identity, line] of lines) if (!told.has(identity)) log(line)
    // Only a thorough run shows that something has gone.
    told = new Set(isThorough ? lines.keys() : [...told, ...lines.keys()])
    if (isThorough) thoroughAt = now
    failure = undefined
  }

  async function run(): Promise<void> {
    while (!signal.aborted) {
      await compare().catch((error: unknown) => {
        const message = error instanceof Error ? error.message : String(error)
        if (!signal.aborted && message !== failure) log(`failed, and is tried again: ${message}`)
        failure = message
      })
      await pause(everyMs, undefined, { signal }).catch(() => undefined)
    }
  }

  const running = run()
  return {
    stop: () => {
      stopping.abort()
      return running
    },
  }
}

/** What was set right needs nobody, and a late price that is not overdue comes by itself. */
function needsAnEye(difference: Difference): boolean {
  switch (difference.type) {
    case 'not_recorded':
    case 'not_at_provider':
    case 'call_unknown':
    case 'price_overdue':
    case 'failed':
      return true
    case 'usage_differs':
      return !difference.isApplied
    default:
      return false
  }
}

/** What stays the same from run to run. */
function identityOf(difference: Difference): string {
  const { type, accountId, usageId, holdId, adapter, requestId } = difference as Partial<Record<string, unknown>>
  return JSON.stringify([type, accountId, usageId, holdId, adapter, requestId])
}

/** Without telephone numbers, which do not belong in a log. */
function lineOf(difference: Difference): string {
  const { type, to: _, ...facts } = difference as Difference & { to?: string }
  return `${type} ${JSON.stringify(facts, (_name, value: unknown) => {
    if (typeof value === 'bigint') return String(value)
    return value instanceof Error ? value.message : value
  })}`
}

function log(line: string): void {
  console.error(new Date().toISOString(), 'reconcile:', line)
}
