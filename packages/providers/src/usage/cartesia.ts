import { quantity, type Usage } from '@farebox/core'
import { block, reportedNumber } from './reported.ts'

/**
 * The usage of a transcription of a recording: seconds of audio.
 *
 * @returns `undefined` when no duration is reported
 * @throws {InvalidUsageError} the duration is none
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
