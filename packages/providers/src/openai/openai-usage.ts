import type { Usage } from '@farebox/core'
import { asRecord } from '../adapter/answer.ts'
import { readable } from '../adapter/readable-usage.ts'
import { recordingUsage } from '../adapter/recording-usage.ts'
import { openaiChatUsage, openaiRealtimeUsage, openaiResponseUsage, openaiTranscriptionUsage } from '../usage/openai.ts'
import { tierOf } from '../usage/service-tier.ts'

/**
 * Reads the usage of a chat. If a server's counts contradict each other, it uses the two totals alone, as `derived`, and keeps
 * the block in `raw`, so that neither the answer nor the charge is lost.
 *
 * @param block  the `usage` of an answer, unchanged
 * @param tier   the answer's `service_tier`
 * @returns      `undefined` when even the totals are unreadable
 */
export function chatUsage(block: unknown, tier?: unknown): Usage | undefined {
  const { prompt_tokens, completion_tokens } = asRecord(block) ?? {}
  const usage = orTotals(openaiChatUsage, block, { prompt_tokens, completion_tokens })
  return usage && { ...usage, ...tierOf(tier) }
}

/** Reads the usage of a response, like {@link chatUsage}, and that of its tools, which a response reports apart. */
export function responseUsage(response: Record<string, unknown> | undefined): Usage | undefined {
  const { usage, tool_usage, service_tier } = response ?? {}
  const withTools = (block: unknown) => openaiResponseUsage(block, tool_usage)
  const read = orTotals(withTools, usage, totals(usage)) ?? orTotals(openaiResponseUsage, usage, totals(usage))
  return read && { ...read, ...tierOf(service_tier) }
}

/** Reads the usage of a conversation's turn, like {@link chatUsage}. */
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
 * The usage of a transcription: the duration of its audio, by which customers pay. A model that OpenAI bills by tokens reports
 * only those. The duration then comes from the audio, and the tokens stay in `raw`.
 *
 * @returns no `usage` when the provider reported none and the audio does not state its length
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
