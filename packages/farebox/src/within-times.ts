/** Where the times end that a ledger keeps, epoch milliseconds. */
export const TIME_END = Date.UTC(2255, 0, 1)

/**
 * A time that something is looked for from or until, as one that a ledger keeps: there is nothing before its first and after its last, so that
 * any other is as good as these.
 *
 * @param at  epoch milliseconds
 */
export function withinTimes(at: number): number {
  return Math.min(Math.max(at, 0), TIME_END)
}
