import { LedgerUnavailableError } from '@farebox/ledger'

/** The waits between tries. Together they outlast a restart of the database, and most failovers. */
const WAITS_MS = [50, 200, 800, 2_000, 4_000, 8_000, 15_000]
/** When the last try begins at the latest. A server that hangs makes each take as long as a connection is waited for, or longer. */
const LAST_TRY_MS = 30_000

/**
 * Does `work`, with retries while the database is unavailable, for half a minute and the time of the last try at most.
 *
 * @param options  `ref`: whether the waits keep the process alive. @defaultValue true
 */
export async function whenBack<Result>(work: () => Promise<Result>, options: { ref?: boolean } = {}): Promise<Result> {
  const began = performance.now()
  for (let tries = 0; ; tries++) {
    try {
      return await work()
    } catch (error) {
      const leftMs = LAST_TRY_MS - (performance.now() - began)
      const waitMs = WAITS_MS[tries]
      if (waitMs === undefined || leftMs <= 0 || !(error instanceof LedgerUnavailableError)) throw error
      await pause(Math.min(waitMs, leftMs), options)
    }
  }
}

function pause(ms: number, { ref = true }: { ref?: boolean }): Promise<void> {
  return new Promise((resolve) => {
    const timer = setTimeout(resolve, ms)
    if (!ref) timer.unref()
  })
}
