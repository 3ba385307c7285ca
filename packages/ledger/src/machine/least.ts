import { type Credits, microCredits } from '@farebox/core'

/** The smaller of two amounts. */
export function least(a: bigint, b: bigint): Credits {
  return microCredits(a < b ? a : b)
}
