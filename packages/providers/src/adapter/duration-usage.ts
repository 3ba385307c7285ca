import type { Certainty, Quantity, Usage } from '@farebox/core'

/** The usage of a transcription in the unit of its price: seconds of audio. */
export function durationUsage(seconds: Quantity, certainty: Certainty, raw?: unknown): Usage {
  const quantities = [{ meter: 'duration', quantity: seconds, unit: 'seconds' as const }]
  return { quantities, certainty, ...(raw === undefined ? {} : { raw }) }
}
