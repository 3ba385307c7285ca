/**
 * The problem with a fractional floating-point balance. Floats hold whole numbers exactly, but few decimals: 12.1 is stored as
 * another number, so importing it would be a guess.
 */
export function floatingPointProblem(shown: string): string {
  return `the balance is floating point, which does not hold ${shown} exactly: read it from a view that rounds it to a decimal, or from CSV`
}

/** Problems of rows that lack an id or a balance. */
export const missingId = 'the row has no id'
export const missingBalance = 'the row has no balance'
