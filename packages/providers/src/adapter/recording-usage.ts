import { quantity, type Usage } from '@farebox/core'
import { durationUsage } from './duration-usage.ts'
import { readWav } from './wav.ts'

/**
 * The usage of a recording's transcription: its duration, by which customers pay. If the provider reported no duration, it comes
 * from the recording itself, and `raw` keeps what the provider reported.
 *
 * @returns no `usage` if the provider reported none and the recording does not state its length
 */
export function recordingUsage(
  reported: Usage | undefined,
  audio: Uint8Array,
  raw?: unknown,
): { usage?: Usage; durationSeconds?: number } {
  const [first] = reported?.quantities ?? []
  if (reported && first?.unit === 'seconds') return { usage: reported, durationSeconds: Number(first.quantity) / 1e6 }
  const seconds = readWav(audio)?.durationSeconds
  if (seconds === undefined) return reported ? { usage: reported } : {}
  return { usage: durationUsage(quantity(seconds), 'derived', raw) }
}
