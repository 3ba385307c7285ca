import type { CharacterCounting } from '@farebox/core'

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

function countCodePoints(text: string): number {
  let count = 0
  for (const _ of text) count += 1
  return count
}
