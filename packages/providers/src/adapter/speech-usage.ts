import { type Certainty, quantity, type Usage } from '@farebox/core'

/**
 * What a speech cost in the unit that it is priced by: the code points of its text. Tokens that a provider reports besides measure
 * the same speech a second time, so they are kept in `raw` alone.
 */
export function speechUsage(text: string, certainty: Certainty, raw?: unknown): Usage {
  return {
    quantities: [{ meter: 'characters', quantity: quantity(countCharacters(text)), unit: 'characters' }],
    certainty,
    ...(raw === undefined ? {} : { raw }),
  }
}

/** Code points, not UTF-16 units: an emoji is one character on every provider's bill. */
export function countCharacters(text: string): number {
  let count = 0
  for (const _ of text) count += 1
  return count
}
