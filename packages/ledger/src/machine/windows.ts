import type { BudgetPeriod } from '../rows.ts'

const MINUTE = 60_000
const HOUR = 60 * MINUTE
const DAY = 24 * HOUR
/** 1970-01-05 was the first Monday of the epoch. */
const FIRST_MONDAY = 4 * DAY

/** When the window of a period that contains `now` began, in epoch milliseconds UTC. Weeks begin on Monday. */
export function windowStart(period: BudgetPeriod, now: number): number {
  switch (period) {
    case 'minute':
      return now - (now % MINUTE)
    case 'hour':
      return now - (now % HOUR)
    case 'day':
      return now - (now % DAY)
    case 'week':
      return now - ((((now - FIRST_MONDAY) % (7 * DAY)) + 7 * DAY) % (7 * DAY))
    case 'month': {
      const date = new Date(now)
      return Date.UTC(date.getUTCFullYear(), date.getUTCMonth(), 1)
    }
    case 'total':
      return 0
  }
}

/** When the next window begins; `undefined` for `total`, which never starts again. */
export function windowEnd(period: BudgetPeriod, start: number): number | undefined {
  switch (period) {
    case 'minute':
      return start + MINUTE
    case 'hour':
      return start + HOUR
    case 'day':
      return start + DAY
    case 'week':
      return start + 7 * DAY
    case 'month': {
      const date = new Date(start)
      return Date.UTC(date.getUTCFullYear(), date.getUTCMonth() + 1, 1)
    }
    case 'total':
      return undefined
  }
}

/** The hour that `at` lies in: the grain of rollups. */
export function hourOf(at: number): number {
  return at - (at % HOUR)
}
