import type { Usage } from '@farebox/core'
import { asRecord } from '../adapter/answer.ts'
import { readable } from '../adapter/readable-usage.ts'
import { recordingUsage } from '../adapter/recording-usage.ts'
import { openaiChatUsage, openaiRealtimeUsage, openaiResponseUsage, openaiTranscriptionUsage } from '../usage/openai.ts'

/**
 * What a chat used. A server whose counts contradict each other must cost neither its caller the answer nor us the charge: then the
 * two totals are taken alone, as `derived`, and the block is kept.
 *
 * @param block  `usage` of an answer, as it came
 * @returns      `undefined` when not even the totals can be read
 */
export function chatUsage(block: unknown): Usage | undefined {
  const { prompt_tokens, completion_tokens } = asRecord(block) ?? {}
  return orTotals(openaiChatUsage, block, { prompt_tokens, completion_tokens })
}

/** What a response used; as {@link chatUsage}. */
export function responseUsage(block: unknown): Usage | undefined {
  return orTotals(openaiResponseUsage, block, totals(block))
}

/** What a turn of a conversation used; as {@link chatUsage}. */
export function turnUsage(block: unknown): Usage | undefined {
  return orTotals(openaiRealtimeUsage, block, totals(block))
}

function totals(block: unknown) {
  const { input_tokens, output_tokens } = asRecord(block) ?? {}
  return { input_tokens, output_tokens }
}

function orTotals(read: (block: unknown) => Usage | undefined, block: unknown, alone: object): Usage | undefined {
  const usage = readable(() => read(block))
  if (usage) return usage
  const sums = readable(() => read(alone))
  return sums && { ...sums, certainty: 'derived', raw: block }
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
