import { type Certainty, quantity, type Usage, type UsageQuantity } from '@farebox/core'

/** What a speech cost in the unit that customers are priced by: the code points of its text. */
export function speechUsage(text: string, certainty: Certainty, reported: readonly UsageQuantity[] = [], raw?: unknown): Usage {
  const characters: UsageQuantity = { meter: 'characters', quantity: quantity(countCharacters(text)), unit: 'characters' }
  return { quantities: [characters, ...reported], certainty, ...(raw === undefined ? {} : { raw }) }
}

/** Code points, not UTF-16 units: an emoji is one character on every provider's bill. */
export function countCharacters(text: string): number {
  let count = 0
  for (const _ of text) count += 1
  return count
}
