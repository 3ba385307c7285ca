import { type Credits, credits, InvalidOptionError } from '@farebox/core'

/** The most credits that one change of a ledger may move. */
const AT_ONCE_MAX = 1_000_000_000

/** @throws {InvalidOptionError} the text is not a plain decimal above 0, or is more than a ledger moves at once */
export function parseCredits(text: string): Credits {
  const amount = decimal(text)
  if (amount === undefined || amount === 0n) throw new InvalidOptionError(`credits must be above 0, ${expected(text)}`)
  return amount
}

/** @throws {InvalidOptionError} the text is not a plain decimal, or is more than a ledger moves at once */
export function parseCreditsOrZero(text: string): Credits {
  const amount = decimal(text)
  if (amount === undefined) throw new InvalidOptionError(`credits must be 0 or more, ${expected(text)}`)
  return amount
}

function decimal(text: string): Credits | undefined {
  if (!/^\d{1,100}(\.\d{1,6})?$/.test(text)) return undefined
  const amount = credits(text)
  if (amount > credits(AT_ONCE_MAX)) throw new InvalidOptionError(`credits must be at most ${AT_ONCE_MAX}, received ${text}`)
  return amount
}

function expected(received: string): string {
  return `a plain decimal with at most six decimals such as 50 or 0.25; received ${received}`
}
