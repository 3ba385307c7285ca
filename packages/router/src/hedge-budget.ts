import { describeOption, InvalidOptionError } from '@farebox/core'

/** Limits hedging to a share of requests. All requests share one budget, so that hedging cannot double the load. */
export interface HedgeBudget {
  /** Counts a request that may be hedged. */
  earn(): void
  /** Spends one hedge. False if none is left. */
  spend(): boolean
  /** Returns a hedge that was spent but not made. */
  giveBack(): void
}

/** How many requests may be hedged. */
export interface HedgeBudgetOptions {
  /** Maximum share of requests to hedge, 0 to 1. @defaultValue 0.05 */
  share?: number
  /** Maximum hedges saved up for a slow moment. @defaultValue 10 */
  burst?: number
}

/**
 * Creates a budget, which begins empty. By default, at most five of the first hundred requests may be hedged.
 *
 * @throws {InvalidOptionError} `share` is not from 0 to 1, or `burst` is below 1
 */
export function createHedgeBudget({ share = 0.05, burst = 10 }: HedgeBudgetOptions = {}): HedgeBudget {
  if (!(typeof share === 'number' && share >= 0 && share <= 1))
    throw new InvalidOptionError(`share must be from 0 to 1, received ${describeOption(share)}`)
  if (!(typeof burst === 'number' && burst >= 1))
    throw new InvalidOptionError(`burst must be at least 1, received ${describeOption(burst)}`)
  let saved = 0
  return {
    earn() {
      saved = Math.min(burst, saved + share)
    },
    spend() {
      // In floating point, twenty times 0.05 adds up to a little less than 1.
      if (saved < 1 - 1e-9) return false
      saved = Math.max(0, saved - 1)
      return true
    },
    giveBack() {
      saved = Math.min(burst, saved + 1)
    },
  }
}
