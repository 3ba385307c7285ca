/**
 * Floating point holds whole numbers exactly and few decimals: 12.1 is stored as something else, and what an import made of it
 * would be a guess.
 */
export function floatingPointProblem(shown: string): string {
  return `the balance is floating point, which does not hold ${shown} exactly: read it from a view that rounds it to a decimal, or from CSV`
}

/** Where a row has none. */
export const missingId = 'the row has no id'
export const missingBalance = 'the row has no balance'
