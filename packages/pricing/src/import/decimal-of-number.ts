/**
 * Converts a JSON number to the decimal it was written as: `1.5e-7` becomes `0.00000015`. It takes the number's shortest decimal,
 * which is what the author wrote, so floating-point error cannot get into a price.
 *
 * @param shift  how many digits to move the point to the right: 6 turns a price per token into one per million
 * @returns `undefined` if the value is not a number of 0 or more, or a price book cannot hold it
 */
export function decimalOfNumber(value: unknown, shift = 0): string | undefined {
  if (typeof value !== 'number' || !Number.isFinite(value) || value < 0) return undefined
  const [mantissa = '', exponent = '0'] = String(value).split('e')
  const [whole = '', fraction = ''] = mantissa.split('.')
  const point = whole.length + Number(exponent) + shift
  const digits = whole + fraction
  const padded = point <= 0 ? '0'.repeat(1 - point) + digits : digits.padEnd(point, '0')
  const at = Math.max(point, 1)
  const left = padded.slice(0, at).replace(/^0+(?=\d)/, '')
  const right = padded.slice(at).replace(/0+$/, '')
  if (left.length > 18 || right.length > 18) return undefined
  return right ? `${left}.${right}` : left
}
