import type { Usage } from '@farebox/core'
import { asCount, asRecord } from '../adapter/answer.ts'
import { readable } from '../adapter/readable-usage.ts'
import { anthropicUsage } from '../usage/anthropic.ts'

/** Bytes of text per token: of an answer that was cut, at least so much was written. */
const BYTES_PER_TOKEN = 4

/**
 * What a message used. A server whose counts contradict each other must cost neither its caller the answer nor us the charge: then
 * its two sides are taken alone, which is the least that was used, as the cache is counted apart from them.
 *
 * @param block  `usage` of an answer, as it came
 * @returns      `undefined` when not even the two sides can be read
 */
export function messageUsage(block: unknown): Usage | undefined {
  const usage = readable(() => anthropicUsage(block))
  if (usage) return usage
  const { input_tokens, output_tokens } = asRecord(block) ?? {}
  const sides = readable(() => anthropicUsage({ input_tokens, output_tokens }))
  return sides && { ...sides, certainty: 'floor', raw: block }
}

/**
 * What an answer that was cut used at least: its input as it was counted, and the output that was counted or written so far, whichever
 * is more. A stream tells its output when it ends; until then the count is of the first token or two.
 *
 * @param block         what was reported until then
 * @param bytesWritten  UTF-8 bytes of the text and of the arguments of tools that arrived
 */
export function cutUsage(block: Record<string, unknown>, bytesWritten: number): Usage | undefined {
  const written = Math.floor(bytesWritten / BYTES_PER_TOKEN)
  const counted = asCount(block.output_tokens)
  if (counted === undefined) return undefined
  const usage = messageUsage({ ...block, output_tokens: Math.max(counted, written) })
  return usage && { ...usage, certainty: 'floor', raw: block }
}
