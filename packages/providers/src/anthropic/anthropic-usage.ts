import type { Usage } from '@farebox/core'
import { asCount, asRecord } from '../adapter/answer.ts'
import { readable } from '../adapter/readable-usage.ts'
import { anthropicUsage } from '../usage/anthropic.ts'

/** Bytes of text per token, for a lower bound on the output of an interrupted answer. */
const BYTES_PER_TOKEN = 4

/**
 * Reads the usage of a message. If a server's counts contradict each other, it uses input and output tokens and searches alone, so that
 * neither the answer nor the charge is lost. That is a floor, because cache tokens count separately.
 *
 * @param block  the `usage` of an answer, unchanged
 * @returns      `undefined` when even input and output tokens are unreadable
 */
export function messageUsage(block: unknown): Usage | undefined {
  const usage = readable(() => anthropicUsage(block))
  if (usage) return usage
  const { input_tokens, output_tokens, service_tier, speed, server_tool_use } = asRecord(block) ?? {}
  const alone = { input_tokens, output_tokens, service_tier, speed }
  const sides = readable(() => anthropicUsage({ ...alone, server_tool_use })) ?? readable(() => anthropicUsage(alone))
  return sides && { ...sides, certainty: 'floor', raw: block }
}

/**
 * The least that an interrupted answer used: its reported input, and the larger of its reported and its received output. A stream
 * reports its output only at its end. Until then the count covers a token or two.
 *
 * @param block         the usage reported so far
 * @param bytesWritten  the UTF-8 bytes received of text and tool arguments
 * @returns             `undefined` before the input is reported: a server that counts only at the end begins with zeros
 */
export function cutUsage(block: Record<string, unknown>, bytesWritten: number): Usage | undefined {
  const written = Math.floor(bytesWritten / BYTES_PER_TOKEN)
  const counted = asCount(block.output_tokens)
  const asked = [block.input_tokens, block.cache_creation_input_tokens, block.cache_read_input_tokens]
  if (counted === undefined || !asked.some(asCount)) return undefined
  const usage = messageUsage({ ...block, output_tokens: Math.max(counted, written) })
  return usage && { ...usage, certainty: 'floor', raw: block }
}
