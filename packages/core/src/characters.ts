import { type Quantity, quantity } from './quantity.ts'
import type { CharacterCounting, UsageQuantity } from './usage.ts'

/**
 * How many characters a text has. `code_points` is what most people call characters; `utf16_units` is JavaScript's `length`;
 * `utf8_bytes` is what some providers bill. They agree on plain English only: `é` is 1, 1 and 2, and `😀` is 1, 2 and 4.
 */
export function countCharacters(text: string, counting: CharacterCounting): number {
  switch (counting) {
    case 'utf16_units':
      return text.length
    case 'code_points':
      return countCodePoints(text)
    case 'utf8_bytes':
      return new TextEncoder().encode(text).length
  }
}

/** The characters of a text as a usage: its code points, and how prices may count it otherwise. */
export function characterUsage(text: string): UsageQuantity & { counts: Readonly<Record<CharacterCounting, Quantity>> } {
  const count = (counting: CharacterCounting) => quantity(countCharacters(text, counting))
  const counts = { code_points: count('code_points'), utf16_units: count('utf16_units'), utf8_bytes: count('utf8_bytes') }
  return { meter: 'characters', quantity: counts.code_points, unit: 'characters', counts }
}

function countCodePoints(text: string): number {
  let count = 0
  for (const _ of text) count += 1
  return count
}
