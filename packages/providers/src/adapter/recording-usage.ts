import { quantity, type Usage } from '@farebox/core'
import { durationUsage } from './duration-usage.ts'
import { readWav } from './wav.ts'

/**
 * The usage of a recording's transcription: its duration, by which customers pay. If the provider reported none, or zero, it comes
 * from the recording itself, and `raw` keeps what the provider reported.
 *
 * @returns no `usage` if the provider reported none and the recording does not state its length
 */
export function recordingUsage(
  reported: Usage | undefined,
  audio: Uint8Array,
  raw?: unknown,
): { usage?: Usage; durationSeconds?: number } {
  // Some servers write zeros because they do not measure, and no recording takes no time.
  const told = reported?.quantities.some((one) => one.quantity > 0n) ? reported : undefined
  const [first] = told?.quantities ?? []
  if (told && first?.unit === 'seconds') return { usage: told, durationSeconds: Number(first.quantity) / 1e6 }
  const seconds = readWav(audio)?.durationSeconds
  if (seconds === undefined) return told ? { usage: told } : {}
  return { usage: durationUsage(quantity(seconds), 'derived', raw) }
}
