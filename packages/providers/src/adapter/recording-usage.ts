import { quantity, type Usage } from '@farebox/core'
import { durationUsage } from './duration-usage.ts'
import { readWav } from './wav.ts'

/**
 * What the transcription of a recording cost: its duration, which is what customers are priced by. Where the provider reported none, or
 * something else, it is read from the recording itself, and `raw` keeps what was reported.
 *
 * @returns without `usage` when nothing was reported and the recording does not say how long it is
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
