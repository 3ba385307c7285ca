import { formatDecimal, parseDecimal } from './decimal.ts'
import { FareboxError } from './errors.ts'

declare const unit: unique symbol

/** How much of a unit was used, in millionths of that unit: of tokens, `1_500_000n` is 1.5. Sums are exact. */
export type Quantity = bigint & { readonly [unit]: 'micro-units' }

const QUANTITY_DECIMALS = 6
/** One whole unit as a {@link Quantity}. */
export const UNIT = 1_000_000n

/** The largest quantity of one usage record: a trillion units. A larger number is a mistake, not a measurement. */
export const QUANTITY_MAX = 1_000_000_000_000n * UNIT

/** The units that quantities are counted in. */
export const units = ['tokens', 'minutes', 'seconds', 'characters', 'images', 'requests', 'bytes'] as const

/** A unit that usage is measured in. */
export type Unit = (typeof units)[number]

/** Brands a `bigint` that already counts millionths of a unit as a {@link Quantity}. */
export function microUnits(value: bigint): Quantity {
  return value as Quantity
}

/**
 * Converts a number or decimal string of units to a {@link Quantity}. A number (Deepgram reports `25.933313` seconds) is rounded
 * to the nearest millionth of a unit. A string must not be finer than that.
 *
 * @throws {InvalidQuantityError} the value is not finite, negative, not a decimal, a string of more than six decimals, or above
 *   {@link QUANTITY_MAX}
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

/** Formats a quantity as its shortest exact decimal: `'2.5'`. */
export function formatQuantity(value: Quantity): string {
  return formatDecimal(value, QUANTITY_DECIMALS)
}

/** A quantity that is not a measurement, and so cannot be priced. */
export class InvalidQuantityError extends FareboxError {
  override readonly code = 'INVALID_QUANTITY'
}

function parseQuantity(value: number | string): bigint | undefined {
  if (typeof value === 'string') return parseDecimal(value, QUANTITY_DECIMALS)
  // Most quantities are whole counts.
  if (Number.isSafeInteger(value)) return BigInt(value) * UNIT
  // `toFixed` rounds the exact value of the float, so 0.1 + 0.2 becomes 0.3. It writes exponents only far above the maximum.
  return Number.isFinite(value) && value >= 0 ? parseDecimal(value.toFixed(QUANTITY_DECIMALS), QUANTITY_DECIMALS) : undefined
}
