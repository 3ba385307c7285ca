/** The end of the times that a ledger can store, in epoch milliseconds. */
export const TIME_END = Date.UTC(2255, 0, 1)

/**
 * Limits the start or end of a search to the times that a ledger can store. There is nothing before or after them to find.
 *
 * @param at  epoch milliseconds
 */
export function withinTimes(at: number): number {
  return Math.min(Math.max(at, 0), TIME_END)
}
