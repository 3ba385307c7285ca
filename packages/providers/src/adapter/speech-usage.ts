import { type Certainty, characterUsage, type Usage } from '@farebox/core'

/**
 * The usage of a speech in the unit of its price: the characters of its text. Tokens that a provider also reports would count the
 * same speech twice, so they stay in `raw`.
 */
export function speechUsage(text: string, certainty: Certainty, raw?: unknown): Usage {
  return { quantities: [characterUsage(text)], certainty, ...(raw === undefined ? {} : { raw }) }
}
