import type { FinishReason } from '@farebox/core'
import type { z } from 'zod'
import type { chatCompletionAnswer } from './answers.ts'
import { type ChatIdentity, type ChatOutcome, type ChatStreamEvent, ChatSum } from './chat-outcome.ts'
import type { ServedStream } from './serve-stream.ts'
import type { Served } from './served.ts'
import type { TokenCounts } from './token-counts.ts'

type Json = Record<string, unknown>

/** A chat completion in OpenAI's format. `model` is the wire name of the provider that served it, for callers to request again. */
export function chatCompletion(
  { id, created, text, refusal, toolCalls, finishReason, logprobs, tokens }: ChatOutcome,
  { provider }: Served,
): z.input<typeof chatCompletionAnswer> {
  const calls = toolCalls.map((call) => ({
    id: call.id,
    type: 'function' as const,
    function: { name: call.name, arguments: call.arguments },
  }))
  return {
    id: `chatcmpl-${id}`,
    object: 'chat.completion',
    created,
    model: provider,
    choices: [
      {
        index: 0,
        message: {
          role: 'assistant',
          content: text === '' && (calls.length > 0 || refusal !== undefined) ? null : text,
          refusal: refusal ?? null,
          ...(calls.length > 0 && { tool_calls: calls }),
        },
        logprobs: logprobs ?? null,
        finish_reason: wireReason(finishReason),
      },
    ],
    ...(tokens && { usage: completionUsage(tokens) }),
  }
}

/**
 * The chunks of a chat completion: the role, then the content, then the finish reason. If the caller asked for usage, it comes
 * last, with the cost under `farebox`.
 *
 * @throws {StreamCutError} the answer ended early
 */
export async function* chatChunks(
  events: AsyncIterable<ChatStreamEvent>,
  { served, settled }: ServedStream,
  { identity, includeUsage }: { identity: ChatIdentity; includeUsage: boolean },
): AsyncGenerator<Json, ChatOutcome, undefined> {
  const envelope = {
    id: `chatcmpl-${identity.id}`,
    object: 'chat.completion.chunk',
    created: identity.created,
    model: served.provider,
  }
  const chunk = (delta: Json, { logprobs = null, reason = null }: { logprobs?: unknown; reason?: string | null } = {}): Json => ({
    ...envelope,
    choices: [{ index: 0, delta, logprobs, finish_reason: reason }],
    ...(includeUsage && { usage: null }),
  })
  const sum = new ChatSum()
  yield chunk({ role: 'assistant', content: '', refusal: null })
  for await (const event of events) {
    sum.add(event)
    if (event.type === 'text') {
      yield chunk(event.isRefusal ? { refusal: event.text } : { content: event.text }, { logprobs: event.logprobs })
    }
    if (event.type === 'tool_call') {
      const { index, id, name, arguments: text } = event
      yield chunk({
        tool_calls: [
          {
            index,
            ...(id !== undefined && { id, type: 'function' }),
            function: { ...(name !== undefined && { name }), arguments: text },
          },
        ],
      })
    }
    if (event.type === 'finish') yield chunk({}, { reason: wireReason(event.finishReason) })
  }
  const outcome = sum.outcome(identity)
  if (includeUsage) {
    const usage = outcome.tokens ? completionUsage(outcome.tokens) : null
    yield { ...envelope, choices: [], usage, farebox: await settled() }
  }
  return outcome
}

function completionUsage({ input, cached, cacheWrite, audioInput, output, reasoning, audioOutput }: TokenCounts) {
  return {
    prompt_tokens: input,
    completion_tokens: output,
    total_tokens: input + output,
    prompt_tokens_details: {
      cached_tokens: cached,
      audio_tokens: audioInput,
      ...(cacheWrite > 0 && { cache_write_tokens: cacheWrite }),
    },
    completion_tokens_details: {
      reasoning_tokens: reasoning,
      audio_tokens: audioOutput,
      accepted_prediction_tokens: 0,
      rejected_prediction_tokens: 0,
    },
  }
}

function wireReason(reason: FinishReason): string {
  return reason === 'other' ? 'stop' : reason
}
