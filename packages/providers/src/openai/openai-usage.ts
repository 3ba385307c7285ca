import type { Usage } from '@farebox/core'
import { asRecord } from '../adapter/answer.ts'
import { readable } from '../adapter/readable-usage.ts'
import { recordingUsage } from '../adapter/recording-usage.ts'
import { openaiChatUsage, openaiTranscriptionUsage } from '../usage/openai.ts'

/**
 * What a chat used. A server whose counts contradict each other must cost neither its caller the answer nor us the charge: then the
 * two totals are taken alone, as `derived`, and the block is kept.
 *
 * @param block  `usage` of an answer, as it came
 * @returns      `undefined` when not even the totals can be read
 */
export function chatUsage(block: unknown): Usage | undefined {
  const usage = readable(() => openaiChatUsage(block))
  if (usage) return usage
  const { prompt_tokens, completion_tokens } = asRecord(block) ?? {}
  const totals = readable(() => openaiChatUsage({ prompt_tokens, completion_tokens }))
  return totals && { ...totals, certainty: 'derived', raw: block }
}

/**
 * What a transcription cost: the duration of its audio, which is what customers are priced by. A model that is billed by tokens
 * reports these alone; then the duration is read from the audio, and the tokens stay in `raw`.
 *
 * @returns `undefined` when the provider reported nothing and the audio does not say how long it is
 */
export function transcriptionUsage(
  answer: Record<string, unknown>,
  audio: Uint8Array,
): { usage?: Usage; durationSeconds?: number } {
  return recordingUsage(
    readable(() => openaiTranscriptionUsage(answer)),
    audio,
    answer.usage ?? undefined,
  )
}
