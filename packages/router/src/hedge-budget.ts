import { InvalidOptionError } from '@farebox/core'

/** Allows that share of requests a second attempt in parallel. One budget is shared by all requests, so that hedging cannot double the load. */
export interface HedgeBudget {
  /** A request begins that may be hedged. */
  earn(): void
  /** Whether one may be hedged now, which spends it. */
  spend(): boolean
  /** What was spent was not used after all. */
  giveBack(): void
}

/** How many requests may be hedged. */
export interface HedgeBudgetOptions {
  /** At most this share of requests is hedged, 0 to 1. @defaultValue 0.05 */
  share?: number
  /** Hedges that can be saved up for a slow moment. @defaultValue 10 */
  burst?: number
}

/**
 * A budget that begins empty: of the first hundred requests five may be hedged, whatever happens to them.
 *
 * @throws {InvalidOptionError} `share` is not from 0 to 1, or `burst` is below 1
 */
export function createHedgeBudget({ share = 0.05, burst = 10 }: HedgeBudgetOptions = {}): HedgeBudget {
  if (!(share >= 0 && share <= 1)) throw new InvalidOptionError(`share must be from 0 to 1, received ${share}`)
  if (!(burst >= 1)) throw new InvalidOptionError(`burst must be at least 1, received ${burst}`)
  let saved = 0
  return {
    earn() {
      saved = Math.min(burst, saved + share)
    },
    spend() {
      // Twenty times a twentieth is a little less than one.
      if (saved < 1 - 1e-9) return false
      saved = Math.max(0, saved - 1)
      return true
    },
    giveBack() {
      saved = Math.min(burst, saved + 1)
    },
  }
}
