import { quantity, type Usage } from '@farebox/core'
import { block, reportedNumber } from './reported.ts'

/**
 * Reads the usage of a recording's transcription: seconds of audio.
 *
 * @returns `undefined` when the answer reports no duration
 * @throws {InvalidUsageError} the duration is not a number of zero or more
 */
export function cartesiaTranscriptionUsage(answer: unknown): Usage | undefined {
  const duration = reportedNumber('Cartesia speech to text', block(answer), 'duration')
  if (duration === undefined) return undefined
  return {
    quantities: [{ meter: 'duration', quantity: quantity(duration), unit: 'seconds' }],
    certainty: 'exact',
    raw: { duration },
  }
}
