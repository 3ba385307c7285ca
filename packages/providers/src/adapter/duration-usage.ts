import type { Certainty, Quantity, Usage } from '@farebox/core'

/** What a transcription cost in the unit that it is priced by: the seconds of its audio. */
export function durationUsage(seconds: Quantity, certainty: Certainty, raw?: unknown): Usage {
  const quantities = [{ meter: 'duration', quantity: seconds, unit: 'seconds' as const }]
  return { quantities, certainty, ...(raw === undefined ? {} : { raw }) }
}
