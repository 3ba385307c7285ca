import { setTimeout as pause } from 'node:timers/promises'
import { LedgerUnavailableError } from '@farebox/ledger'

/** The waits between tries. Together they outlast a restart of the database, and most failovers. */
const WAITS_MS = [50, 200, 800, 2_000, 4_000, 8_000, 15_000]

/**
 * Does `work`, with retries while the database is unavailable, for half a minute at most.
 *
 * @param options  `ref`: whether the waits keep the process alive. @defaultValue true
 */
export async function whenBack<Result>(work: () => Promise<Result>, options: { ref?: boolean } = {}): Promise<Result> {
  for (let tries = 0; ; tries++) {
    try {
      return await work()
    } catch (error) {
      const waitMs = WAITS_MS[tries]
      if (waitMs === undefined || !(error instanceof LedgerUnavailableError)) throw error
      await pause(waitMs, undefined, options)
    }
  }
}
