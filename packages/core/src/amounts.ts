import { formatDecimal, parseDecimal } from './decimal.ts'
import { FareboxError } from './errors.ts'

declare const unit: unique symbol

/** An amount of prepaid credits, in micro-credits: 1 credit = 1_000_000n. */
export type Credits = bigint & { readonly [unit]: 'micro-credits' }

/** What a provider charges its customer, in nano-USD: 1 USD = 1_000_000_000n. */
export type NanoUsd = bigint & { readonly [unit]: 'nano-usd' }

/** Micro-credits in one credit. */
export const CREDIT = 1_000_000n

const CREDIT_DECIMALS = 6
const USD_DECIMALS = 9

/** The largest amount that a ledger column (a signed 64-bit integer) can hold, in micro-credits. */
export const CREDITS_MAX = microCredits(2n ** 63n - 1n)

/** Brands a `bigint` that already counts micro-credits as {@link Credits}. */
export function microCredits(value: bigint): Credits {
  return value as Credits
}

/**
 * Converts a whole number (`credits(50)`) or a decimal string with at most six decimals (`credits('0.25')`) to {@link Credits}.
 *
 * @throws {InvalidAmountError} the value is not a whole number, not a decimal, or finer than a micro-credit
 */
export function credits(value: number | bigint | string): Credits {
  if (typeof value === 'bigint') return microCredits(value * CREDIT)
  if (typeof value === 'number') {
    if (!Number.isSafeInteger(value)) {
      throw new InvalidAmountError(`credits must be a whole number or a decimal string, received ${value}`)
    }
    return microCredits(BigInt(value) * CREDIT)
  }
  return microCredits(parseScaled(value, CREDIT_DECIMALS, 'credits'))
}

/** Formats an amount as its shortest exact decimal: `'103'`, `'0.9'`, `'-2.5'`. */
export function formatCredits(amount: Credits): string {
  return formatDecimal(amount, CREDIT_DECIMALS)
}

/** Brands a `bigint` that already counts nano-USD as {@link NanoUsd}. */
export function nanoUsd(value: bigint): NanoUsd {
  return value as NanoUsd
}

/** Formats a cost as its shortest exact decimal of US dollars: `'0.00045'`. */
export function formatUsd(amount: NanoUsd): string {
  return formatDecimal(amount, USD_DECIMALS)
}

/** Parses a decimal of US dollars, positive or negative: `'-0.02800'`. `undefined` if it is no decimal, or finer than 1e-9 USD. */
export function parseUsd(text: string): NanoUsd | undefined {
  const value = parseDecimal(text, USD_DECIMALS)
  return value === undefined ? undefined : nanoUsd(value)
}

/** An amount that the ledger cannot hold exactly. */
export class InvalidAmountError extends FareboxError {
  override readonly code = 'INVALID_AMOUNT'
}

function parseScaled(text: string, decimals: number, what: string): bigint {
  const value = parseDecimal(text, decimals)
  if (value === undefined) {
    throw new InvalidAmountError(`${what} must be a decimal with at most ${decimals} decimals, received ${JSON.stringify(text)}`)
  }
  return value
}
