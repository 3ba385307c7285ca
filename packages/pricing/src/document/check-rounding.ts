import { decimal, divide, reduce } from '../rational.ts'
import type { Complain } from './check-rate.ts'
import type { Currency, PriceEntry } from './price-book-document.ts'
import type { Rounding } from './rules.ts'

/** The smallest amount of each currency that the ledger can hold. */
const SMALLEST: Record<Currency, string> = { credits: '0.000001', usd: '0.000000001' }

export function checkRounding(currency: Currency, rounding: Rounding | undefined, complain: Complain): void {
  const smallest = SMALLEST[currency]
  if (!rounding || isMultiple(rounding.step, smallest)) return
  complain('rounding.step', `must be a whole number of ${smallest} ${currency}, received ${rounding.step}`)
}

/** Checks that the maximum is a multiple of the rounding step. Rounding could exceed it otherwise. */
export function checkMaximum({ maximum_charge: maximum }: PriceEntry, rounding: Rounding | undefined, complain: Complain): void {
  if (!maximum || !rounding || isMultiple(maximum.amount, rounding.step)) return
  complain('maximum_charge.amount', `must be a whole number of the rounding step, ${rounding.step}, received ${maximum.amount}`)
}

function isMultiple(amount: string, step: string): boolean {
  return reduce(divide(decimal(amount), decimal(step))).denominator === 1n
}
