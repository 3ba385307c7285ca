import { type Credits, credits, InvalidOptionError } from '@farebox/core'

/** @throws {InvalidOptionError} not a plain decimal of credits above 0 */
export function parseCredits(text: string): Credits {
  const amount = /^\d{1,10}(\.\d{1,6})?$/.test(text) ? credits(text) : credits(0)
  if (amount <= 0n)
    throw new InvalidOptionError(
      `credits must be above 0, a plain decimal with at most six decimals such as 50 or 0.25; received ${text}`,
    )
  return amount
}
