/**
 * The decimal that a JSON number was written as: `1.5e-7` is `0.00000015`. Numbers are read by their shortest decimal, which is what
 * their author wrote, so no digit of the float itself gets into a price.
 *
 * @param shift  digits to move the point to the right: 6 makes a price per token one per million
 * @returns      `undefined` when it is no number of zero or more, or no price book can hold it
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
