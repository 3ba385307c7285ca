import { type Certainty, characterUsage, type Usage } from '@farebox/core'

/**
 * What a speech cost in the unit that it is priced by: the characters of its text. Tokens that a provider reports besides measure the
 * same speech a second time, so they are kept in `raw` alone.
 */
export function speechUsage(text: string, certainty: Certainty, raw?: unknown): Usage {
  return { quantities: [characterUsage(text)], certainty, ...(raw === undefined ? {} : { raw }) }
}
