import { formatDecimal, parseDecimal } from './decimal.ts'
import { FareboxError } from './errors.ts'

declare const unit: unique symbol

/** How much of a unit was used, in millionths of it: `1_500_000n` tokens-quantity is 1.5 tokens. Exact and addable. */
export type Quantity = bigint & { readonly [unit]: 'micro-units' }

const QUANTITY_DECIMALS = 6
/** One whole unit as a {@link Quantity}. */
export const UNIT = 1_000_000n

/** The largest quantity of one usage record: a trillion units. Above it the number is a mistake, not a measurement. */
export const QUANTITY_MAX = 1_000_000_000_000n * UNIT

/** What quantities are counted in. */
export const units = ['tokens', 'minutes', 'seconds', 'characters', 'images', 'requests', 'bytes'] as const

/** A unit of measure of usage. */
export type Unit = (typeof units)[number]

/** Marks a `bigint` that already counts millionths of a unit. */
export function microUnits(value: bigint): Quantity {
  return value as Quantity
}

/**
 * A quantity from a number or decimal string of whole units. Numbers from providers (Deepgram reports `25.933313` seconds) are
 * read by their shortest decimal; what is finer than a millionth of a unit is rounded to the nearest.
 *
 * @throws {InvalidQuantityError} not finite, negative, not a decimal, or above {@link QUANTITY_MAX}
 */
export function quantity(value: number | bigint | string): Quantity {
  const parsed = typeof value === 'bigint' ? value * UNIT : parseQuantity(value)
  if (parsed === undefined || parsed < 0n || parsed > QUANTITY_MAX) {
    throw new InvalidQuantityError(
      `a quantity must be a decimal from 0 to ${formatDecimal(QUANTITY_MAX, QUANTITY_DECIMALS)}, received ${JSON.stringify(String(value))}`,
    )
  }
  return microUnits(parsed)
}

/** The shortest exact decimal of a quantity: `'2.5'`. */
export function formatQuantity(value: Quantity): string {
  return formatDecimal(value, QUANTITY_DECIMALS)
}

/** The quantity is not a measurement that can be priced. */
export class InvalidQuantityError extends FareboxError {
  override readonly code = 'INVALID_QUANTITY'
}

function parseQuantity(value: number | string): bigint | undefined {
  if (typeof value === 'string') return parseDecimal(value, QUANTITY_DECIMALS)
  // Counts are most of what there is.
  if (Number.isSafeInteger(value)) return BigInt(value) * UNIT
  // `toFixed` rounds the float's own value, so 0.1 + 0.2 seconds are 0.3; it turns to exponents only far above the maximum.
  return Number.isFinite(value) && value >= 0 ? parseDecimal(value.toFixed(QUANTITY_DECIMALS), QUANTITY_DECIMALS) : undefined
}
