import { InvalidOptionError } from '@farebox/core'
import type { Deadlines, HedgeOptions, Retries } from '@farebox/router'
import type { LiveDeadlines } from './call-runner.ts'

/** The longest that a timer can wait. */
export const TIMER_MS_MAX = 2_147_483_647

/**
 * Refuses deadlines, retries and hedges that no call could keep to.
 *
 * @throws {InvalidOptionError} names the first that is none
 */
export function checkTimes({
  deadlines = {},
  liveDeadlines = {},
  retries: { triesMax = 1, ...waits } = {},
  hedge,
}: {
  deadlines?: Deadlines
  liveDeadlines?: LiveDeadlines
  retries?: Retries
  hedge?: Pick<HedgeOptions, 'afterMs'>
}): void {
  for (const [option, times] of Object.entries({ deadlines, liveDeadlines, retries: waits })) {
    for (const [field, value] of Object.entries(times)) {
      if (value === undefined || value >= 0) continue
      throw new InvalidOptionError(`${option}.${field} must be milliseconds from 0, received ${value}`)
    }
  }
  const { totalMs = 0 } = deadlines
  // What a call sets aside is held for longer than that.
  if (totalMs > TIMER_MS_MAX)
    throw new InvalidOptionError(`deadlines.totalMs must be at most ${TIMER_MS_MAX}, received ${totalMs}`)
  if (hedge && hedge.afterMs !== 'p95' && !(hedge.afterMs >= 0))
    throw new InvalidOptionError(`hedge.afterMs must be milliseconds from 0, or p95, received ${hedge.afterMs}`)
  if (!(triesMax >= 1)) throw new InvalidOptionError(`retries.triesMax must be at least 1, received ${triesMax}`)
}
