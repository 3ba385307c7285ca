import type { HoldRow } from '../rows.ts'

/** Orders holds by when they were placed. */
export function oldestFirst(a: HoldRow, b: HoldRow): number {
  return a.createdAt - b.createdAt || (a.holdId < b.holdId ? -1 : 1)
}
