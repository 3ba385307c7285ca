import { type Credits, credits, InvalidOptionError } from '@farebox/core'

/** @throws {InvalidOptionError} not a plain decimal of credits above 0 */
export function parseCredits(text: string): Credits {
  const amount = decimal(text)
  if (amount === undefined || amount === 0n) throw new InvalidOptionError(`credits must be above 0, ${expected(text)}`)
  return amount
}

/** @throws {InvalidOptionError} not a plain decimal of credits */
export function parseCreditsOrZero(text: string): Credits {
  const amount = decimal(text)
  if (amount === undefined) throw new InvalidOptionError(`credits must be 0 or more, ${expected(text)}`)
  return amount
}

function decimal(text: string): Credits | undefined {
  return /^\d{1,10}(\.\d{1,6})?$/.test(text) ? credits(text) : undefined
}

function expected(received: string): string {
  return `a plain decimal with at most six decimals such as 50 or 0.25; received ${received}`
}
