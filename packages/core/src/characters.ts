import { type Quantity, quantity } from './quantity.ts'
import type { CharacterCounting, UsageQuantity } from './usage.ts'

/**
 * Counts the characters of a text. `code_points` is what most people call characters, `utf16_units` is JavaScript's `length`, and
 * some providers bill `utf8_bytes`. The three agree on ASCII text only: `é` counts 1, 1 and 2, and `😀` counts 1, 2 and 4.
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

/** The usage of a text: its quantity in code points, with every other way in which a price may count it. */
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
