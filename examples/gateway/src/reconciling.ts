import { setTimeout as pause } from 'node:timers/promises'
import type { Difference, Farebox } from 'farebox'

/** Periodic reconciliation, until it is stopped. */
export interface Reconciling {
  /** Stops it and waits for the current run to end. */
  stop(): Promise<void>
}

/** Most runs look back no further than this, which covers the longest call and the time until its price arrives. */
const RECENT_MS = 6 * 3_600_000
/** Once an hour, a slower run looks back as far as `reconcile` does by default. */
const THOROUGH_MS = 3_600_000

/**
 * Compares Farebox's records with the providers' own: at once, and then every `everyMs`, one run at a time. Logs each difference
 * that needs attention in one line, and only once while it persists.
 */
export function startReconciling(box: Farebox, everyMs: number): Reconciling {
  const stopping = new AbortController()
  const { signal } = stopping
  // A simulated provider forgets its records when its process ends.
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
    // Only a thorough run shows that a difference is gone.
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

/** Whether somebody should look at a difference. Corrected ones need nobody, and a price that is not overdue will still arrive. */
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

/** The parts of a difference that stay the same from run to run. */
function identityOf(difference: Difference): string {
  const { type, accountId, usageId, holdId, adapter, requestId } = difference as Partial<Record<string, unknown>>
  return JSON.stringify([type, accountId, usageId, holdId, adapter, requestId])
}

/** Formats a difference without telephone numbers, which do not belong in a log. */
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
