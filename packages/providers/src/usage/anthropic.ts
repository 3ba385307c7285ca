import { disjointTokens, type TokenSource, type Usage } from '@farebox/core'
import { block, reportedNumber } from './reported.ts'
import { tierOf } from './service-tier.ts'
import { webSearches } from './web-searches.ts'

/** Anthropic counts cache reads and writes outside `input_tokens`, but thinking inside `output_tokens`. */
const messages: TokenSource = { name: 'Anthropic messages', inputIncludes: [], outputIncludes: ['reasoning'] }

/**
 * Reads the `usage` of a message. It separates cache writes by lifetime where Anthropic does, because one hour costs more than
 * five minutes. Anthropic bills the searches of its server tools per request, and some tiers of service at prices of their own:
 * `speed: 'fast'` is the tier `fast`.
 *
 * @returns `undefined` when the block is absent, lacks its input or output tokens, or has no tokens at all
 * @throws {InvalidUsageError} the counts contradict each other, or are not counts
 */
export function anthropicUsage(usage: unknown): Usage | undefined {
  const given = block(usage)
  const read = (field: string, of = given) => reportedNumber(messages.name, of, field)
  const input = read('input_tokens')
  const output = read('output_tokens')
  if (input === undefined || output === undefined) return undefined
  const lifetimes = block(given?.cache_creation)
  const fiveMinutes = lifetimes && read('ephemeral_5m_input_tokens', lifetimes)
  const oneHour = lifetimes && read('ephemeral_1h_input_tokens', lifetimes)
  // A stream reports lifetimes only at its start, but its server tools write more to the cache later.
  const written = read('cache_creation_input_tokens')
  const untold = written === undefined ? undefined : Math.max(0, written - (fiveMinutes ?? 0) - (oneHour ?? 0))
  const thinking = block(given?.output_tokens_details)
  const searches = read('web_search_requests', block(given?.server_tool_use) ?? {})
  const tokens = disjointTokens(
    {
      input,
      output,
      cached_input: read('cache_read_input_tokens'),
      cache_write: untold,
      cache_write_5m: fiveMinutes,
      cache_write_1h: oneHour,
      reasoning: thinking && read('thinking_tokens', thinking),
    },
    messages,
  )
  if (!searches && tokens.every((bucket) => bucket.quantity === 0n)) return undefined
  return {
    quantities: [...tokens, ...(searches ? [webSearches(searches)] : [])],
    certainty: 'exact',
    ...tierOf(given?.service_tier, given?.speed),
    raw: usage,
  }
}

/**
 * Merges the usage of a stream: the counts of the last `message_delta`, which cover the whole answer so far, replace those of
 * `message_start`. Pass the result to {@link anthropicUsage}.
 */
export function mergeAnthropicUsage(start: unknown, delta: unknown): Record<string, unknown> {
  const reported = Object.entries(block(delta) ?? {}).filter(([, value]) => value !== undefined && value !== null)
  return { ...block(start), ...Object.fromEntries(reported) }
}
