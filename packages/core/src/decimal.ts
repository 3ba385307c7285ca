/** Plain decimals only: no exponent, no hex, no blanks, no `NaN`. The limit of sixty digits bounds the work of parsing. */
const DECIMAL = /^(-?)(\d{1,40})(?:\.(\d{1,20}))?$/

/**
 * Parses a decimal into an integer count of `10^-decimals`: `parseDecimal('1.5', 6)` is `1_500_000n`.
 *
 * @returns `undefined` when the text is not a plain decimal, or has more significant decimals than `decimals`
 */
export function parseDecimal(text: string, decimals: number): bigint | undefined {
  const match = DECIMAL.exec(text)
  if (!match) return undefined
  const [, sign, whole = '', fraction = ''] = match
  const significant = fraction.replace(/0+$/, '')
  if (significant.length > decimals) return undefined
  const value = BigInt(whole + significant.padEnd(decimals, '0'))
  return sign ? -value : value
}

/** Formats an integer count of `10^-decimals` as its shortest exact decimal: `formatDecimal(1_500_000n, 6)` is `'1.5'`. */
export function formatDecimal(value: bigint, decimals: number): string {
  // Most amounts are whole and exact as numbers, and number arithmetic is several times as fast as bigint arithmetic.
  const small = Number(value)
  const power = 10 ** decimals
  if (Number.isSafeInteger(small) && small % power === 0) return String(small / power)
  const unit = POWERS_OF_TEN[decimals] ?? 10n ** BigInt(decimals)
  const magnitude = value < 0n ? -value : value
  const whole = `${value < 0n ? '-' : ''}${magnitude / unit}`
  const fraction = (magnitude % unit).toString().padStart(decimals, '0').replace(/0+$/, '')
  return fraction === '' ? whole : `${whole}.${fraction}`
}

/** Precomputed, because raising a power costs more than the rest of the formatting. */
const POWERS_OF_TEN = Array.from({ length: 13 }, (_, decimals) => 10n ** BigInt(decimals))
