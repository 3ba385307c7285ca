import { checkOptionNames, describeOption, InvalidOptionError } from '@farebox/core'
import type { Deadlines, Retries } from '@farebox/router'
import type { LiveDeadlines } from './call-runner.ts'
import type { FareboxOptions } from './farebox.ts'

/** The longest time that a timer can wait, in milliseconds. Node turns anything longer into 1 ms. */
export const TIMER_MS_MAX = 2_147_483_647

const known: {
  deadlines: Record<keyof Deadlines, true>
  liveDeadlines: Record<keyof LiveDeadlines, true>
  retries: Record<keyof Retries, true>
  hedge: Record<keyof NonNullable<FareboxOptions['hedge']>, true>
} = {
  deadlines: { totalMs: true, attemptMs: true, firstEventMs: true, betweenEventsMs: true },
  liveDeadlines: { totalMs: true, attemptMs: true, firstEventMs: true, betweenEventsMs: true, finishMs: true },
  retries: { triesMax: true, backoffMs: true, backoffMsMax: true, waitMsMax: true },
  hedge: { afterMs: true, share: true, burst: true },
}

/**
 * Rejects invalid deadlines, retries, hedges and drains.
 *
 * @throws {InvalidOptionError} a value is invalid; the message names the first one
 */
export function checkTimes({
  deadlines = {},
  liveDeadlines = {},
  retries = {},
  hedge,
  drainMs = 0,
}: Pick<FareboxOptions, 'deadlines' | 'liveDeadlines' | 'retries' | 'hedge' | 'drainMs'>): void {
  checkOptionNames(deadlines, known.deadlines, 'createFarebox({ deadlines })')
  checkOptionNames(liveDeadlines, known.liveDeadlines, 'createFarebox({ liveDeadlines })')
  checkOptionNames(retries, known.retries, 'createFarebox({ retries })')
  if (hedge) checkOptionNames(hedge, known.hedge, 'createFarebox({ hedge })')
  const { triesMax = 1, ...waits } = retries
  for (const [option, times] of Object.entries({ deadlines, liveDeadlines, retries: waits })) {
    for (const [field, value] of Object.entries(times)) {
      if (value === undefined || isTime(value)) continue
      throw new InvalidOptionError(`${option}.${field} must be milliseconds from 0, received ${describeOption(value)}`)
    }
  }
  const { totalMs = 0 } = deadlines
  // The hold of a call outlives its deadline, so the deadline must be finite.
  if (totalMs > TIMER_MS_MAX)
    throw new InvalidOptionError(`deadlines.totalMs must be at most ${TIMER_MS_MAX}, received ${totalMs}`)
  if (hedge && hedge.afterMs !== 'p95' && !isTime(hedge.afterMs))
    throw new InvalidOptionError(`hedge.afterMs must be milliseconds from 0, or p95, received ${describeOption(hedge.afterMs)}`)
  if (!isTime(drainMs)) throw new InvalidOptionError(`drainMs must be milliseconds from 0, received ${describeOption(drainMs)}`)
  if (!(triesMax >= 1)) throw new InvalidOptionError(`retries.triesMax must be at least 1, received ${describeOption(triesMax)}`)
  if (!(Number.isInteger(triesMax) || triesMax === Number.POSITIVE_INFINITY))
    throw new InvalidOptionError(`retries.triesMax must be a whole number, received ${describeOption(triesMax)}`)
}

function isTime(value: unknown): value is number {
  return typeof value === 'number' && value >= 0
}
